-- A function for the scripts that meet sessions of an earlier layout. It is put after lib_marks.lua.

-- Add the marks of a session that was written in an earlier layout: there, a mark had 11 characters of base64, of which the
-- first 8 are what is the digest of an id now. The contents are unknown.
local function add_earlier(marks, earlier)
  local alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  for from = 1, #earlier - 10, 11 do
    local mark = ''
    for at = from, from + 4, 4 do
      local bits = 0
      for each = at, at + 3 do
        bits = bits * 64 + (string.find(alphabet, string.sub(earlier, each, each), 1, true) or 1) - 1
      end
      mark = mark .. string.char(math.floor(bits / 65536), math.floor(bits / 256) % 256, bits % 256)
    end
    visit_mark(marks, mark .. '\0\0\0', 1, true)
  end
end
