-- Answers a question about one bucket, as `Ledger` in edge/limits does: there is why each step is
-- as it is. Debited and stored before it is answered, by the clock of the server.
--
-- KEYS: the bucket, and since when this server remembers buckets
-- ARGV: the server's run; nanoseconds in which a token drains; the burst; milliseconds until a lease
--       has ended; how many leases there may be; milliseconds of a horizon; for how many milliseconds
--       a bucket that does not drain is of use, or 0; then `spend` and the tokens, or `renew` and
--       holder, sequence, used, left, want, demand
local run, interval, burst = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local lifetime, most, horizon = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local lasts = tonumber(ARGV[7])
local drains = lasts == 0
local MILLI = 1000000
local HASTE, CUT, WHOLE = 4, 4, 65536

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Another run, or an empty server: nobody remembers what leases are about. An old copy of the
-- data does not, either.
local since
local kept_since = redis.call('GET', KEYS[2])
if kept_since then
  local id, at = string.match(kept_since, '^(%w+) (%d+)$')
  if id == run then since = tonumber(at) end
end
if not since then
  since = now
  redis.call('SET', KEYS[2], run .. ' ' .. string.format('%.0f', now))
end

-- `empty`: nanoseconds from the clock until the bucket is empty; what was used of one that does not
-- drain, of which nothing is granted until `closed`. Of that, an old copy is better than nothing.
local ledger = redis.call('GET', KEYS[1])
ledger = ledger and cmsgpack.unpack(ledger)
if not ledger or ledger.clock < since then
  if drains then
    ledger = { clock = since, empty = lifetime * MILLI + burst * interval, leases = {} }
  else
    ledger = ledger or { clock = since, empty = 0, leases = {} }
    ledger.closed = since + lifetime
  end
end
local closed = ledger.closed or 0

local passed = math.max(now - ledger.clock, 0)
local clock, empty = ledger.clock + passed, ledger.empty
local leases = {}
for _, lease in ipairs(ledger.leases) do
  if lease.ends <= clock then
    if drains then empty = math.max(empty, (lease.ends - ledger.clock) * MILLI) end
    empty = empty + lease.tokens * interval
  else
    leases[#leases + 1] = lease
  end
end
if drains then empty = math.max(empty - passed * MILLI, 0) end

local function free()
  if clock < closed then return 0 end
  local outstanding = 0
  for _, lease in ipairs(leases) do outstanding = outstanding + lease.tokens end
  local space = math.floor(math.max(burst * interval - empty, 0) / interval)
  return math.max(space - outstanding, 0)
end

local function spend(tokens)
  local left = free()
  if tokens <= left then
    empty = empty + tokens * interval
    return { tokens, 0, left - tokens }
  end
  local wait = drains and math.ceil((tokens - left) * interval / MILLI) or lifetime - 1000
  return { 0, wait, left }
end

local function divide(want, own, all, left)
  local portion = left
  if all > left then
    local part = math.floor(left * HASTE * own / all)
    portion = math.min(math.max(part, 1), math.ceil(own / CUT), left)
  end
  local tokens = math.min(want, portion)
  if tokens == want then return tokens, 0 end
  local wait = drains and math.ceil((want - tokens) * interval / MILLI) or math.huge
  local gap = math.ceil(wait * all / own)
  return tokens, math.max(math.min(gap, math.floor(horizon / CUT)), 1)
end

local function renew(holder, sequence, used, left, want, demand)
  local known
  for index, lease in ipairs(leases) do
    if lease.holder == holder then known = index end
  end
  local lease = known and leases[known]
  if lease then
    leases[known] = leases[#leases]
    leases[#leases] = nil
  end
  if lease and sequence <= lease.sequence then
    leases[#leases + 1] = lease
    if sequence < lease.sequence then return { 0, 0, 0, 0, 0 } end
    return { lease.kept, lease.granted, 0, 0, 0 }
  end
  local kept = 0
  if lease then
    local spent = math.max(used - lease.used, 0)
    empty = empty + spent * interval
    kept = math.min(left, math.max(lease.tokens - spent, 0))
  end
  local own, all = math.max(demand, 1), math.max(demand, 1)
  for _, other in ipairs(leases) do all = all + other.demand end
  local rest = math.max(free() - kept, 0)
  local tokens, retry_after = 0, lifetime - 1000
  if #leases < most then tokens, retry_after = divide(want, own, all, rest) end
  if kept + tokens > 0 or demand > 0 then
    leases[#leases + 1] = {
      holder = holder, sequence = sequence, used = used, demand = demand,
      tokens = kept + tokens, kept = kept, granted = tokens, ends = clock + lifetime,
    }
  end
  return { kept, tokens, retry_after, math.floor(own * WHOLE / all), rest - tokens }
end

local answer
if ARGV[8] == 'spend' then
  answer = spend(tonumber(ARGV[9]))
else
  answer = renew(ARGV[9], tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12]),
    tonumber(ARGV[13]), tonumber(ARGV[14]))
end

-- Forgotten when it says no more than a new one does.
local idle = drains and empty or math.max(lasts, closed - clock) * MILLI
for _, lease in ipairs(leases) do
  if drains then idle = math.max(idle, (lease.ends - clock) * MILLI) + lease.tokens * interval end
end
local stored = cmsgpack.pack({ clock = clock, empty = empty, closed = closed, leases = leases })
redis.call('SET', KEYS[1], stored, 'PX', string.format('%.0f', math.ceil(idle / MILLI) + 1))
return answer
