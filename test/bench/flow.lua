-- wrk -t N -c N -s flow.lua URL -- two|one: uploads as the guide's two requests, or as one. One connection a thread,
-- so that a thread's answers belong to its last request. Prints: uploads, p50 and p99 in microseconds, errors.
local ffi = require('ffi')
ffi.cdef('typedef struct { long s; long ns; } timespec_t; int clock_gettime(int, timespec_t *);')
local now_buffer = ffi.new('timespec_t')
local function now()
  ffi.C.clock_gettime(1, now_buffer)
  return tonumber(now_buffer.s) * 1e6 + tonumber(now_buffer.ns) / 1e3
end

local threads = {}
function setup(thread) threads[#threads + 1] = thread end

local two, answer, started
latencies, errors = {}, 0
local headers = { ['Content-Type'] = 'application/json' }
function init(args) two = args[1] == 'two' end

function request()
  if answer then
    local key, url = answer:match('"objectKey":%s*"([^"]+)"'), answer:match('"publicFileUrl":%s*"([^"]+)"')
    return wrk.format('POST', '/save-metadata', headers, '{"objectKey":"' .. key .. '","publicFileUrl":"' .. url .. '"}')
  end
  started = now()
  return wrk.format('POST', two and '/presign-upload' or '/upload', headers, '{"fileName":"photo.png","contentType":"image/png"}')
end

function response(status, _, body)
  if status ~= 200 then errors = errors + 1 answer = nil return end
  if two and not answer then answer = body return end
  answer = nil
  latencies[#latencies + 1] = math.floor(now() - started)
end

function done(summary)
  local all, failed = {}, 0
  for _, thread in ipairs(threads) do
    failed = failed + thread:get('errors')
    for _, time in ipairs(thread:get('latencies')) do all[#all + 1] = time end
  end
  table.sort(all)
  local function at(p) return all[math.max(1, math.ceil(#all * p))] or 0 end
  print(('FLOW %d %d %d %d %d'):format(#all, at(0.5), at(0.99), failed, summary.duration))
end
