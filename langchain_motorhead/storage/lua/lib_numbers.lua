-- A function for the scripts that take numbers. It is put before them.

-- Return an argument, or a stored value, as a whole number; anything else ends the script with an error. Redis keeps what a
-- script wrote before an error, so every number is converted before the first write.
local function whole(value, name)
  local number = type(value) == 'string' and #value <= 17 and string.find(value, '^%-?%d+$') and tonumber(value)
  if not number or number > 9007199254740992 or number < -9007199254740992 then
    error(name .. ' is not a whole number. Nothing was written')
  end
  return number
end
