-- Takes up to ARGV[3] requests from the allowance of KEYS[1], as many as are left.
--
-- The key holds one number: when the allowance will be whole again, in microseconds
-- since 1970 by this server's clock. No key means that it is whole.
--
-- ARGV  1 microseconds in which one request comes back
--       2 requests in the whole allowance
--       3 requests wanted; 0 only looks
--       4 requests given back, from a reservation that moved the key to
--       5 this moment; past it they have come back by themselves
-- Returns the requests granted, those left, the microseconds until the allowance is
-- whole, the microseconds until one request is left, and the key's new moment.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local interval, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local returned, reserved_until = tonumber(ARGV[4]), tonumber(ARGV[5])

-- What is no number of ours counts as nothing, and is overwritten.
local stored = redis.pcall('GET', KEYS[1])
local whole_at = type(stored) == 'string' and tonumber(stored) or now
if returned > 0 and now < reserved_until and whole_at >= reserved_until then
  whole_at = whole_at - returned * interval
end
-- The second bound holds when the clock was set back, or the limit was made smaller.
whole_at = math.min(math.max(whole_at, now), now + burst * interval)

local left = math.floor(burst - (whole_at - now) / interval + 0.000001)
local granted = math.max(math.min(wanted, left), 0)
if granted > 0 or returned > 0 then
  whole_at = whole_at + granted * interval
  left = left - granted
  redis.call('SET', KEYS[1], string.format('%.0f', whole_at), 'PX', math.ceil((whole_at - now) / 1000) + 1)
end
local one_at = 0
if left < 1 then
  one_at = math.ceil(whole_at - now - (burst - 1) * interval)
end
return { granted, left, math.ceil(whole_at - now), one_at, math.floor(whole_at) }
