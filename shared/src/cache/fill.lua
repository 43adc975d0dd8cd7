-- Stores a page, unless something was written since its reader asked; and ends
-- its lease.
--
-- KEYS[1]  the resource's hash
-- ARGV     1 the page's field, 2 its lease's field, 3 the generation that the
--          reader was told, 4 the page, empty for none, 5 most fields, 6 most
--          bytes of all pages
-- Returns  1 where the page is stored
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[3] then
  return 0
end
redis.call('HDEL', KEYS[1], ARGV[2])
if ARGV[4] == '' then
  return 0
end
local most, most_bytes = tonumber(ARGV[5]), tonumber(ARGV[6])
local bytes = tonumber(redis.call('HGET', KEYS[1], 'bytes') or 0) or 0
bytes = bytes - redis.call('HSTRLEN', KEYS[1], ARGV[1]) + #ARGV[4]
redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])

-- What is asked for often comes back at once if it is hit.
local left = 64
while left > 0 and (bytes > most_bytes or redis.call('HLEN', KEYS[1]) > most) do
  left = left - 1
  for _, field in ipairs(redis.call('HRANDFIELD', KEYS[1], 4)) do
    if string.sub(field, 1, 2) == 'p:' and field ~= ARGV[1] then
      bytes = bytes - redis.call('HSTRLEN', KEYS[1], field)
      redis.call('HDEL', KEYS[1], field)
    end
  end
end
redis.call('HSET', KEYS[1], 'bytes', string.format('%.0f', bytes))
return 1
