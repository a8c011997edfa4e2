-- wrk: battles between two of the 151, in an order that is the same in every run.
local turn = 1
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
request = function()
    turn = (turn * 1664525 + 1013904223) % 4294967296
    local a, b = 1 + math.floor(turn / 256) % 151, 1 + math.floor(turn / 65536) % 151
    return wrk.format(nil, os.getenv("BENCH_PATH"), nil, string.format('{"pokemon_a":%d,"pokemon_b":%d}', a, b))
end
