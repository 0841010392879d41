"""Moving sessions in and out: to JSON lines, from JSON lines, and from what other packages keep in Redis.

`exporting.export_lines` and `importing.import_lines` are a pair; `sources.read_source` reads other packages' keys, for
`importing.import_snapshots`.
"""
