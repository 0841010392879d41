-- For the scripts that write to a session. It is put before them.

-- The layout of a session's keys that these scripts know.
local FORMAT = '1'

-- Return whether a session has the layout of a later version. Such a session is left alone.
local function is_later(format)
  return format and format ~= FORMAT and whole(format, 'format') > tonumber(FORMAT)
end
