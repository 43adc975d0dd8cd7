-- Each request is another one: its key and its address are new.
local n = 0
math.randomseed(os.time())
local run = string.format("%08x", math.random(0, 0x7fffffff))

function request()
    n = n + 1
    local headers = {
        ["Content-Type"] = "application/json",
        ["Idempotency-Key"] = run .. "-" .. n,
    }
    for name, value in pairs(wrk.headers) do headers[name] = value end
    return wrk.format("POST", nil, headers, '{"email":"u' .. run .. n .. '@example.com"}')
end
