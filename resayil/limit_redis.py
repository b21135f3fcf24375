"""The plan of a key's window in Redis or Valkey, for several machines that share the key.

Each operation is one Lua call on the server's own clock, so neither the distance to the server nor the
clocks of its clients let anybody through early. The arithmetic is that of `limits.Plan`, which a test
holds it to. Keys vanish on their own once nothing in them matters any more.
"""

from __future__ import annotations

import secrets
import weakref
from typing import TYPE_CHECKING, Any

from resayil.errors import ConfigurationError
from resayil.limit_stores import Epochs, Life, StoreError
from resayil.limits import CALM, INCIDENT, LONGEST_CLOSURE, MARGIN, NOW, TICK, Place, Quota, Refused

if TYPE_CHECKING:
    from redis import Redis

TIMEOUT = 0.5
"""Seconds that connecting and each answer may take, before the store counts as gone."""

CONNECTIONS = 32
"""Connections of one process, at most; further callers wait for one."""

SCRIPT = (
    f"local MARGIN, CALM, INCIDENT, LONGEST, TICK = {MARGIN}, {CALM}, {INCIDENT}, {LONGEST_CLOSURE}, {TICK}"
    r"""
local Q, H, S = KEYS[1], KEYS[2], KEYS[3]  -- queue, id -> member, state
local op, requests, window, margin = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local id, amount, debt, late = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local known, epoch, now = ARGV[9], ARGV[10], tonumber(ARGV[11])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1e6
end
local function text(number) return string.format('%.17g', number) end
local function get(name, default) return tonumber(redis.call('HGET', S, name) or default) end
local function set(name, value) redis.call('HSET', S, name, text(value)) end
local function before(rank)  -- the moment so many places from the queue's end
  local found = redis.call('ZRANGE', Q, -rank, -rank, 'WITHSCORES')
  return found[2] and tonumber(found[2])
end
local function span()
  if margin then return window + margin end
  local calm = 0.5 ^ (math.max(0, now - get('warned_at', 0)) / (CALM * window))
  return window + math.max(MARGIN, get('margin', MARGIN) * calm)
end
local function forget(member)
  redis.call('ZREM', Q, member)
  local name = string.sub(member, 14)
  if redis.call('HGET', H, name) == member then redis.call('HDEL', H, name) end
end
local function settle()
  local first = redis.call('ZCOUNT', Q, '-inf', text(now))
  if first >= redis.call('ZCARD', Q) then return end
  local from = math.max(0, first - requests)
  local all, moments = redis.call('ZRANGE', Q, from, -1, 'WITHSCORES'), {}
  local opens, width = math.max(now, get('closed_until', 0)), span()
  for at = 1, #all, 2 do
    local n, moment = (at + 1) / 2, tonumber(all[at + 1])
    if moment > now then
      moment = math.max(opens, moments[n - 1] or 0, (moments[n - requests] or -width) + width)
      if moment ~= tonumber(all[at + 1]) then redis.call('ZADD', Q, text(moment), all[at]) end
    end
    moments[n] = moment
  end
end
local function shut(moment)
  if moment > get('closed_until', 0) then set('closed_until', moment) end
  settle()
end
local function add(moment, name)
  local member = string.format('%012d:', redis.call('HINCRBY', S, 'made', 1)) .. name
  redis.call('ZADD', Q, text(moment), member)
  if name ~= '' then redis.call('HSET', H, name, member) end
end
local function ahead(moment)
  return redis.call('ZCOUNT', Q, '-inf', text(moment)) - 1 - redis.call('ZCOUNT', Q, '-inf', text(now))
end
local function free(name)
  local member = redis.call('HGET', H, name)
  if not member then return end
  forget(member)
  set('requests', 0)  -- the next to ask moves everybody behind it up
end
local function answer(word, number, count)
  local last = math.max(before(1) or now, get('closed_until', 0), now)
  local life = math.ceil((last - now + (2 + CALM) * window) * 1000)
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, life) end
  return {word, text(number or 0), count or 0, redis.call('HGET', S, 'epoch')}
end

if op == 'give_back' then
  free(id)
  return {'', '0', 0, redis.call('HGET', S, 'epoch')}
end
if op == 'used' then
  local member = redis.call('HGET', H, id)
  if member and now - amount > tonumber(redis.call('ZSCORE', Q, member)) then
    redis.call('ZADD', Q, text(now - amount), member)
    settle()
  end
  return {'', '0', 0, redis.call('HGET', S, 'epoch')}
end
if redis.call('HSETNX', S, 'epoch', epoch) == 1 then set('born', now) end
if known ~= '' and known ~= redis.call('HGET', S, 'epoch') then shut(get('born', now) + span()) end
if op == 'close' or op == 'full' then
  if op == 'close' and now - get('warned_at', 0) >= INCIDENT * window then
    set('margin', math.min(2 * (span() - window), window))
  end
  if op == 'close' then set('warned_at', now) end
  shut(now + math.min(amount, LONGEST))
  return answer('')
end
for _ = 1, debt do add(now, '') end
if debt > 0 then settle() end
local width = span()
local over = text(now - width + TICK)
for _, member in ipairs(redis.call('ZRANGEBYSCORE', Q, '-inf', over)) do forget(member) end
local last = get('requests', 0)
if last == 0 or requests < last then settle() end
set('requests', requests)
local member = redis.call('HGET', H, id)
if member then  -- it holds a place, which may have moved
  local moment = tonumber(redis.call('ZSCORE', Q, member))
  local wait = moment - now
  if wait > amount then
    free(id)
    return answer('refused', wait)
  end
  if wait > 0 then return answer('place', wait, ahead(moment)) end
  if -wait > late then
    redis.call('ZADD', Q, text(now), member)
    settle()
  end
  return answer('place', 0)
end
local earliest = math.max(now, get('closed_until', 0))
local moment = math.max(earliest, before(1) or 0, (before(requests) or -width) + width)
if moment - now > amount then return answer('refused', moment - now) end
add(moment, id)
return answer('place', moment - now, moment > now and ahead(moment) or 0)
"""
)


PURSE = """
local hash, leases, op, id, amount = KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3])
local function add(number) redis.call('HINCRBY', hash, 'total', string.format('%.0f', number)) end
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local function text(number) return string.format('%.6f', number) end
for _, name in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', text(now))) do  -- its holder has died
  redis.call('ZREM', leases, name)
  add(-tonumber(redis.call('HGET', hash, 'held ' .. name)))
end
local total = tonumber(redis.call('HGET', hash, 'total') or 0)  -- spent and set aside
if op == 'hold' then
  local left = tonumber(ARGV[4]) - total
  if amount > left then return left end
  add(amount)
  redis.call('HSET', hash, 'held ' .. id, ARGV[3])
  redis.call('ZADD', leases, text(now + tonumber(ARGV[6])), id)
  redis.call('EXPIRE', hash, ARGV[5])
  redis.call('EXPIRE', leases, ARGV[5])
  return false
end
if op == 'settle' then
  local before = redis.call('HGET', hash, 'held ' .. id)
  if before then
    redis.call('HDEL', hash, 'held ' .. id)
    add(amount - (redis.call('ZREM', leases, id) == 1 and tonumber(before) or 0))
  end
end
return total
"""


class RedisStore:
    """Plans in Redis or Valkey, on the server's clock.

    Args:
        url: ``redis://``, ``rediss://``, ``unix://`` or ``valkey://``.
        prefix: What the names of its keys begin with.
    """

    blocking = True

    def __init__(self, url: str, prefix: str = "resayil") -> None:
        try:
            import redis  # noqa: PLC0415 - an extra, which only this store needs
            from redis.backoff import NoBackoff  # noqa: PLC0415 - redis is an extra
            from redis.retry import Retry  # noqa: PLC0415 - the same
        except ImportError:
            raise ConfigurationError(
                "limit_storage=redis:// needs the redis package: pip install 'resayil[redis]'"
            ) from None
        self._errors = redis.RedisError
        self._prefix = prefix
        self._epochs = Epochs()
        try:
            pool = redis.BlockingConnectionPool.from_url(
                url.replace("valkey", "redis", 1) if url.startswith("valkey") else url,
                max_connections=CONNECTIONS,
                timeout=TIMEOUT,
                socket_timeout=TIMEOUT,
                socket_connect_timeout=TIMEOUT,
                retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
            )
        except ValueError as error:
            raise ConfigurationError(f"limit_storage is no address of Redis: {error}.") from None
        self.client: Redis = redis.Redis(connection_pool=pool)
        weakref.finalize(self, pool.disconnect)
        self._script: Any = self.client.register_script(SCRIPT)
        self._purse: Any = self.client.register_script(PURSE)

    def ask(
        self,
        name: str,
        quota: Quota,
        identity: str,
        max_wait: float,
        debt: int = 0,
        *,
        now: float | None = None,
    ) -> Place | Refused:
        """See `Store.ask`; ``now`` replaces the server's clock in tests."""
        word, number, count = self._call("ask", name, quota, identity, amount=max_wait, debt=debt, now=now)
        if word == "refused":
            return Refused(number)
        return Place(number, count) if number > 0 else NOW

    def give_back(self, name: str, identity: str) -> None:
        """See `Store.give_back`."""
        self._call("give_back", name, None, identity)

    def used(self, name: str, quota: Quota, identity: str, ago: float, *, now: float | None = None) -> None:
        """See `Store.used`."""
        self._call("used", name, quota, identity, amount=ago, now=now)

    def close(
        self, name: str, quota: Quota, seconds: float, *, refused: bool = True, now: float | None = None
    ) -> None:
        """See `Store.close`."""
        self._call("close" if refused else "full", name, quota, amount=seconds, now=now)

    def hold(self, name: str, identity: str, amount: int, limit: int, life: Life) -> int | None:
        """See `BudgetStore.hold`."""
        left = self._budget(name, "hold", identity, amount, limit, int(life.budget), life.amount)
        return None if left is None else int(left)

    def settle(self, name: str, identity: str, amount: int) -> None:
        """See `BudgetStore.settle`."""
        self._budget(name, "settle", identity, amount)

    def spent(self, name: str) -> int:
        """See `BudgetStore.spent`."""
        return int(self._budget(name, "spent", "", 0) or 0)

    def _budget(self, name: str, *arguments: str | float) -> int | None:
        try:
            answer: int | None = self._purse(
                [f"{self._prefix}:{{{name}}}{part}" for part in ("", ":leases")], arguments
            )
        except (self._errors, OSError) as error:
            raise StoreError(f"{type(error).__name__}: {error}") from error
        return answer

    def _call(
        self,
        op: str,
        name: str,
        quota: Quota | None,
        identity: str = "",
        *,
        amount: float = 0.0,
        debt: int = 0,
        now: float | None = None,
    ) -> tuple[str, float, int]:
        keys = [f"{self._prefix}:{{{name}}}:{part}" for part in ("queue", "ids", "state")]
        known = self._epochs.known(name, quota) if quota else ""
        rate = quota or Quota(1)
        margin = "" if rate.margin is None else repr(rate.margin)
        amount = min(amount, 1e12)  # Lua reads no "inf"
        given = (op, rate.requests, rate.window, margin, identity, amount, debt, rate.late, known)
        try:
            word, number, count, epoch = self._script(
                keys, (*given, secrets.token_hex(8), "" if now is None else repr(now))
            )
        except (self._errors, OSError) as error:
            self._epochs.keep(name)
            raise StoreError(f"{type(error).__name__}: {error}") from error
        if epoch is not None:
            self._epochs.see(name, epoch.decode())
        return word.decode(), float(number), int(count)
