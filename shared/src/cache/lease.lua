-- Reads a page; where there is none, says who may read it from PostgreSQL.
--
-- KEYS[1]  the resource's hash
-- ARGV     1 the page's field, 2 its lease's field, 3 the process that asks,
--          4 a generation that never was, 5 how long a lease lasts and 6 the
--          hash lives, both in milliseconds, 7 most fields with leases
-- Returns  the page or nil, the generation, and 1 where the lease is the asker's
local page = redis.call('HGET', KEYS[1], ARGV[1])
if page then
  return { page, '', 0 }
end

-- All pages of a generation end together: by a write, or with its time.
local generation = redis.call('HGET', KEYS[1], 'generation')
local ends_in = redis.call('PTTL', KEYS[1])
if not generation or ends_in < 0 or ends_in > tonumber(ARGV[6]) then
  redis.call('UNLINK', KEYS[1])
  generation = ARGV[4]
  redis.call('HSET', KEYS[1], 'generation', generation)
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = redis.call('HGET', KEYS[1], ARGV[2])
if lease then
  local ends, holder = string.match(lease, '^(%d+) (.+)$')
  if ends and tonumber(ends) > now and holder ~= ARGV[3] then
    return { false, generation, 0 }
  end
end
if lease or redis.call('HLEN', KEYS[1]) < tonumber(ARGV[7]) then
  redis.call('HSET', KEYS[1], ARGV[2], string.format('%.0f %s', now + ARGV[5], ARGV[3]))
end
return { false, generation, 1 }
