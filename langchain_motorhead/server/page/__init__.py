"""The memory page, `/ui`: what an agent remembers, why, and how to correct it.

`routes` has its addresses, `reading` the operations that a view needs, `views` turns what was read into plain data, and
the templates show that. `visit` knows who is looking; `sign_in` and `forms` decide what a browser may do.
"""
