"""Limits how often one party, node or address may ask, in moving windows of a minute.

Each worker counts in its memory, so N workers take up to N times as much. With the setting `valkey` all workers of all
machines count the beginnings of logins together, by the library `limits`. While Valkey is gone no login begins, and those
that have begun end. A Valkey that was flushed begins to count anew, and holds nothing else of ours.

No key holds an address, a party's name or anything of a citizen: it is a keyed hash. In memory the key is random, of this
process. In Valkey all workers must find the same: there it is derived from a key that Valkey never sees, anew every ten
minutes. A window may begin anew then, and a dump says nothing about anybody.
"""

import hashlib
import ipaddress
import secrets
import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from limits import RateLimitItemPerMinute
from limits.errors import ConfigurationError
from limits.storage import RedisStorage

from idp.config.setting_types import Limits
from idp.config.settings import Settings
from policies.errors import EXTRAS, Misconfigured, Problem, StoreUnavailable, TooManyRequests

WINDOW = 60
KEY_LIFE = 600
# A flood of addresses takes 30 MB at most, as much for pages, and as much for logins: the least recently used is forgotten
MAX_KEYS = 50_000
PARTS = 12
VALKEY_SECONDS = 0.25
# After Valkey did not answer, nobody waits for it again for so long
VALKEY_REST = 1.0
DIGEST = 12
# Octets of an IPv6 address: of one network (RFC 4291 §2.5.1), and of what one line has at most (RFC 6177 §2)
NETWORK, LINE = 8, 6
# NAT64 (RFC 6052 §2.1): such an address is that of the IPv4 machine in its last 32 bits, which a translator passes on
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# All networks of one /48 together have so many times the limit, as have all clients behind one address
LINE_TIMES = CLIENT_TIMES = 4
# Counts one in each window, or in none and returns the first that has no room, from 1 on. A window is the library's list
COUNT_IN_EACH = """
local now, seconds = ARGV[1], ARGV[2]
for place, key in ipairs(KEYS) do
    local oldest = redis.call('lindex', key, ARGV[place + 2] - 1)
    if oldest and tonumber(oldest) >= now - seconds then
        return place
    end
end
for place, key in ipairs(KEYS) do
    redis.call('lpush', key, now)
    redis.call('ltrim', key, 0, ARGV[place + 2] - 1)
    redis.call('expire', key, seconds)
end
return 0
"""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit: its name, how much a window takes, and whose it is."""

    name: str
    amount: int
    parts: tuple[str, ...] = field(repr=False)


class Windows:
    """The moving windows of one process, each of so many `seconds`, under a bounded number of keys.

    A window is a pair (newest moment, how many) for each twelfth of its length, and what came in one twelfth is forgotten
    together. So no window holds more than its limit, and what a key takes does not grow with how often it comes.
    """

    def __init__(
        self, seconds: float = WINDOW, *, max_keys: int = MAX_KEYS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._max_keys, self._clock = seconds, max_keys, clock
        self._lock, self._key = threading.Lock(), secrets.token_bytes(32)
        # In the order of their last use
        self._windows: OrderedDict[str, array[float]] = OrderedDict()

    def count(self, *limits: Limit) -> Limit | None:
        """Count one more within each limit, or within none, and return the first that has no room.

        A key under which nothing is counted is not made.
        """
        keys = [self._named(limit) for limit in limits]
        with self._lock:
            now, twelfth = self._clock(), self._seconds / PARTS
            for key, limit in zip(keys, limits, strict=True):
                if self._sum(key, now) >= limit.amount:
                    return limit
            for key in keys:
                window = self._window(key, now)
                if window and window[-2] // twelfth == now // twelfth:
                    window[-2] = now
                    window[-1] += 1
                else:
                    window.extend((now, 1))
        return None

    def counted(self, limit: Limit) -> float:
        """How much of it is used up."""
        with self._lock:
            return self._sum(self._named(limit), self._clock())

    def is_full(self, limit: Limit) -> bool:
        """Whether it has no room."""
        return self.counted(limit) >= limit.amount

    def _sum(self, key: str, now: float) -> float:
        return sum(self._window(key, now)[1::2]) if key in self._windows else 0

    def _window(self, key: str, now: float) -> "array[float]":
        oldest = now - self._seconds
        window = self._windows.setdefault(key, array("d"))
        self._windows.move_to_end(key)
        while len(self._windows) > self._max_keys or self._is_over(oldest):
            self._windows.popitem(last=False)
        while window and window[0] <= oldest:
            del window[:2]
        return window

    def _is_over(self, oldest: float) -> bool:
        """Whether nothing counts any more of the key that was used longest ago; never of the only one."""
        window = next(iter(self._windows.values()))
        return len(self._windows) > 1 and (not window or window[-2] <= oldest)

    def _named(self, limit: Limit) -> str:
        return f"{limit.name}/{limit.amount}/{_digest(self._key, *limit.parts)}"

    def __len__(self) -> int:
        return len(self._windows)


class Shared:
    """Valkey, as all workers of all machines count in it. `key` is a secret of the tenant that Valkey never sees."""

    def __init__(self, url: str, *, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._storage = _valkey(url)
        self._count = self._storage.storage.register_script(COUNT_IN_EACH)
        self._key, self._clock = key, clock
        self._rests = 0.0
        self.reachable = True

    def count(self, *limits: Limit) -> Limit | None:
        """Count like `Windows`, in one question. Raises `StoreUnavailable` where Valkey does not answer in time."""
        if time.monotonic() < self._rests:
            raise StoreUnavailable("the shared limits cannot be asked")
        slot = int(self._clock()) // KEY_LIFE
        secret = hashlib.blake2b(slot.to_bytes(8), key=self._key[:64], digest_size=32).digest()
        items = [RateLimitItemPerMinute(limit.amount).key_for(_digest(secret, *limit.parts)) for limit in limits]
        keys = [self._storage.prefixed_key(item) for item in items]
        try:
            full = int(self._count(keys, [time.time(), WINDOW, *(limit.amount for limit in limits)]))
        except self._storage.base_exceptions as error:
            self._rests, self.reachable = time.monotonic() + VALKEY_REST, False
            raise StoreUnavailable("the shared limits cannot be asked") from error
        self.reachable = True
        return limits[full - 1] if full else None

    def close(self) -> None:
        """Close the connections."""
        self._storage.storage.close()


class Rates:
    """The limits of one tenant in one worker. Safe in any thread; only beginnings wait for anybody, where `shared` is."""

    def __init__(
        self,
        limits: Limits,
        *,
        exempt: Sequence[str] = (),
        shared: Shared | None = None,
        windows: Windows | None = None,
        pages: Windows | None = None,
        refused: Callable[[str], None] = lambda _limit: None,
    ) -> None:
        self._limits, self.shared, self._refused = limits, shared, refused
        self._exempt = [ipaddress.ip_network(network) for network in exempt]
        self._windows = Windows() if windows is None else windows
        # Anybody makes keys of pages: they must not have the others forgotten
        self._pages = Windows() if pages is None else pages
        self._key = secrets.token_bytes(32)

    def address(self, client: str) -> str:
        """Hash the address for counting; an IPv6 address counts by its /64, which is one network's or one machine's.

        Behind a slash follows the hash of its /48: one line may have thousands of networks, and fill what all share.

        "" for this machine's own address, and for a trusted proxy that did not say for whom it asks: everybody would be
        limited as one.
        """
        return "/".join(
            hashlib.blake2b(octets, key=self._key, digest_size=DIGEST).hexdigest() for octets in self._octets(client)
        )

    def page(self, address: str, kind: str = "") -> None:
        """Count one request of an address, of a `kind` that is counted apart. Raises `TooManyRequests`."""
        self._hit(self._pages, self._of_address("pages", address, kind))

    def begin(self, client: str, party: str) -> None:
        """Count one login of a registered party or node that begins. Raises `TooManyRequests` and `StoreUnavailable`."""
        # Our own hash of an address is of this process
        address = "/".join(octets.hex() for octets in self._octets(client)) if self.shared else self.address(client)
        of_party = Limit("begin_party", self._limits.begin_party, ("party", party))
        self._hit(self.shared or self._windows, (*self._of_address("begin_address", address), of_party))

    def go_on(self, client: str, step: str) -> None:
        """Count one costly step of a login: of each kind as many as logins may begin. Raises `TooManyRequests`."""
        self._hit(self._windows, self._of_address("begin_address", self.address(client), step))

    def check_failures(
        self, address: str, place: str = "", client: str | None = None, *, own: bool = False, times: int = 1
    ) -> None:
        """Raise `TooManyRequests` where too much that came from there was refused in the last minute.

        Each `place` has a count of its own: citizens who fail do not shut out a relying party behind the same address. So
        has each `client` of one, "" for all that are unknown; together they may fail `CLIENT_TIMES` as often. `own` looks
        at what this address itself has failed for this client, and at nothing that a neighbour could have done. `times`
        as many as the limit may be refused.
        """
        limits = self._of_failures(address, place, client, times)
        for limit in limits[:1] if own else limits:
            if self._windows.is_full(limit):
                self._refuse(limit)

    def failed(self, address: str, place: str = "", client: str | None = None, *, times: int = 1) -> None:
        """Count what came from there and was refused."""
        self._windows.count(*self._of_failures(address, place, client, times))

    def _of_failures(self, address: str, place: str, client: str | None, times: int) -> tuple[Limit, ...]:
        if client is None:
            return self._of_address("failures", address, place, times=times)
        own = self._of_address("failures", address, place, client)
        return (*own, *self._of_address("failures", address, place, times=CLIENT_TIMES))

    def _of_address(self, name: str, address: str, *parts: str, times: int = 1) -> tuple[Limit, ...]:
        """The limits of an address: its own, and then its line's, where it has one. "" has none."""
        own, _, line = address.partition("/")
        amount: int = times * getattr(self._limits, name)
        found = (Limit(name, amount, ("address", own, *parts)),) if own else ()
        return (*found, Limit(name, LINE_TIMES * amount, ("line", line, *parts))) if line else found

    def _hit(self, windows: Windows | Shared, limits: Sequence[Limit]) -> None:
        """Count one more within each of these limits, or raise `TooManyRequests` and count nothing.

        So a network that is refused uses up nothing of its line, nor an address of a party, and the networks of a line that
        is refused make no keys.
        """
        if full := windows.count(*limits):
            self._refuse(full)

    def _refuse(self, limit: Limit) -> None:
        self._refused(limit.name)
        raise TooManyRequests(limit.name, WINDOW)

    def _octets(self, client: str) -> tuple[bytes, ...]:
        """The octets by which an address is counted: all four, or the first eight and the first six of an IPv6 address."""
        try:
            found = _plain(client)
        except ValueError:
            return ()
        if found.is_loopback or any(found in network for network in self._exempt):
            return ()
        octets = found.packed
        return (octets,) if isinstance(found, ipaddress.IPv4Address) else (octets[:NETWORK], octets[:LINE])


def line_of(address: str) -> str:
    """The part of what `Rates.address` gives that all addresses of one /48 have; "" where it has none."""
    return address.partition("/")[2]


def check_valkey(settings: Settings, *, ask: bool = True) -> None:
    """Raise `Misconfigured` where Valkey cannot be asked, or would drop counters when its memory is full.

    For the start alone: a worker that starts again while Valkey is gone serves those who have begun. Without `ask` its
    library is looked for, and nobody is asked.
    """
    if not settings.valkey:
        return

    def misconfigured(what: str, fix: str) -> Misconfigured:
        return Misconfigured((Problem(str(settings.folder / "ciconia.toml"), 0, "valkey", what, fix),))

    host = settings.valkey.rpartition("@")[2].split("://")[-1]
    try:
        storage = _valkey(settings.valkey)
    except ConfigurationError:
        raise misconfigured("Valkey's library is not installed.", f"{EXTRAS}, or leave valkey out") from None
    if not ask:
        return
    with closing(storage.storage) as asked:
        try:
            policy = str(asked.config_get("maxmemory-policy").get("maxmemory-policy", "not told"))
        except storage.base_exceptions:
            # The cause may quote a password
            what = f"Valkey at {host} does not answer, or refuses CONFIG GET."
            raise misconfigured(what, "start it, or let this user ask") from None
    if policy != "noeviction":
        what = f"maxmemory-policy of {host} is {policy}: a full memory would drop counters and their limits."
        raise misconfigured(what, "set maxmemory-policy noeviction in valkey.conf")


def _valkey(url: str) -> RedisStorage:
    # The library's class for both: the scheme of the address says which
    return RedisStorage(url, socket_timeout=VALKEY_SECONDS, socket_connect_timeout=VALKEY_SECONDS, decode_responses=True)


def _plain(client: str) -> Address:
    """An address, an IPv4 one as itself, however it is written. Raises ValueError for anything else."""
    found = ipaddress.ip_address(client)
    if isinstance(found, ipaddress.IPv4Address):
        return found
    if found in NAT64:
        # No translator writes so what is not of the public (RFC 6052 §3.1): it is not taken for us or our proxy
        inside = ipaddress.IPv4Address(found.packed[-4:])
        return inside if inside.is_global else found
    return found.ipv4_mapped or found


def _digest(key: bytes, *parts: str) -> str:
    joined = b""
    for part in parts:
        octets = part.encode()
        joined += len(octets).to_bytes(4) + octets
    return hashlib.blake2b(joined, key=key, digest_size=DIGEST).hexdigest()
