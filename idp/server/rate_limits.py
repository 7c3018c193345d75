"""How often one party, node or address may ask: moving windows of a minute; those in Valkey by the library `limits`.

Each worker counts in its memory, so N workers take up to N times as much; with the setting `valkey` the beginnings of
logins are counted by all workers of all machines together. While Valkey is gone nothing begins that is counted there, and
whoever has begun ends. A Valkey that was flushed begins to count anew, and holds nothing else of ours.

No key holds an address, a party's name or anything of a citizen: it is a keyed hash. In memory the key is random, of this
process. In Valkey, where all workers must find the same, it is derived from a key that Valkey never sees, anew for every
ten minutes: a window may begin anew then, and a dump says nothing about anybody.
"""

import hashlib
import ipaddress
import secrets
import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from limits import RateLimitItemPerMinute
from limits.errors import ConfigurationError
from limits.storage import RedisStorage

from idp.config.settings import Limits, Settings
from policies.errors import EXTRAS, Misconfigured, Problem, StoreUnavailable, TooManyRequests

WINDOW = 60
KEY_LIFE = 600
# A flood of addresses takes 30 MB at most, as much for pages, and as much for logins. Beyond it whoever came longest ago is
# forgotten
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
# Counts one in each window, or in none and says which has no room, from 1 on. A window is a list as the library has it
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


class Windows:
    """The moving windows of one process, of a bounded number of keys. All windows have one length.

    A window is a pair (newest moment, how many) for each twelfth of its length, and what came in one twelfth is forgotten
    together. So no window holds more than its limit, and what a key takes does not grow with how often it comes.
    """

    def __init__(self, max_keys: int = MAX_KEYS, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_keys, self._clock = max_keys, clock
        self._lock = threading.Lock()
        # In the order of their last use
        self._windows: OrderedDict[str, array[float]] = OrderedDict()

    def count_in_each(self, limits: Sequence[tuple[str, int]], expiry: int) -> int:
        """Count one more under each key, or under none and say which has no room, from 1 on; 0 where all have.

        A key under which nothing is counted is not made.
        """
        with self._lock:
            now = self._clock()
            for place, (key, limit) in enumerate(limits, 1):
                if key in self._windows and sum(self._window(key, now - expiry)[1::2]) >= limit:
                    return place
            for key, _ in limits:
                window = self._window(key, now - expiry)
                if window and window[-2] // (expiry / PARTS) == now // (expiry / PARTS):
                    window[-2] = now
                    window[-1] += 1
                else:
                    window.extend((now, 1))
        return 0

    def counted(self, key: str, expiry: int) -> int:
        """How many there are under a key."""
        with self._lock:
            return int(sum(self._window(key, self._clock() - expiry)[1::2])) if key in self._windows else 0

    def _window(self, key: str, oldest: float) -> "array[float]":
        window = self._windows.setdefault(key, array("d"))
        self._windows.move_to_end(key)
        while len(self._windows) > self._max_keys or self._over(oldest):
            self._windows.popitem(last=False)
        while window and window[0] <= oldest:
            del window[:2]
        return window

    def _over(self, oldest: float) -> bool:
        """Whether nothing counts any more of the key that was used longest ago; never of the only one."""
        window = next(iter(self._windows.values()))
        return len(self._windows) > 1 and (not window or window[-2] <= oldest)

    def __len__(self) -> int:
        return len(self._windows)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One more under a limit: its name, how many it takes a minute, and whose it is."""

    name: str
    amount: int
    parts: tuple[str, ...] = field(repr=False)


class Shared:
    """Valkey, as all workers of all machines count in it. `key` is a secret of the tenant that Valkey never sees."""

    def __init__(self, url: str, *, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._storage = _valkey(url)
        self._count = self._storage.storage.register_script(COUNT_IN_EACH)
        self._key, self._clock = key, clock
        self._rests = 0.0
        self.reachable = True

    def hit(self, *wanted: Wanted) -> str:
        """Count one more within each of these limits, in one question; "", or the name of the first that has no room.

        Then nothing is counted. Raises `StoreUnavailable` where Valkey does not say so in time.
        """
        if time.monotonic() < self._rests:
            raise StoreUnavailable("the shared limits cannot be asked")
        slot = int(self._clock()) // KEY_LIFE
        secret = hashlib.blake2b(slot.to_bytes(8), key=self._key[:64], digest_size=32).digest()
        items = [RateLimitItemPerMinute(one.amount).key_for(_digest(secret, *one.parts)) for one in wanted]
        keys = [self._storage.prefixed_key(item) for item in items]
        try:
            full = int(self._count(keys, [time.time(), WINDOW, *(one.amount for one in wanted)]))
        except self._storage.base_exceptions as error:
            self._rests, self.reachable = time.monotonic() + VALKEY_REST, False
            raise StoreUnavailable("the shared limits cannot be asked") from error
        self.reachable = True
        return wanted[full - 1].name if full else ""

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
        """What an address is counted by: itself, or an IPv6 address's /64, which is one network's or one machine's.

        After a stroke follows that of its /48: one line may have thousands of networks, and fill with them what all share.

        "" where it is nobody's: this machine's own, or that of a trusted proxy that did not say for whom it asks. Those
        are not limited by address, since everybody would be limited as one.
        """
        try:
            found = _plain(client)
        except ValueError:
            return ""
        if found.is_loopback or any(found in network for network in self._exempt):
            return ""
        return "/".join(hashlib.blake2b(octets, key=self._key, digest_size=DIGEST).hexdigest() for octets in _widths(found))

    def page(self, address: str, kind: str = "") -> None:
        """One request of an address, of a `kind` that is counted apart. Raises `TooManyRequests`."""
        self._hit(*self._of_address("pages", address, kind), windows=self._pages)

    def begin(self, client: str, party: str) -> None:
        """One login that begins, for a registered party or node. Raises `TooManyRequests` and `StoreUnavailable`."""
        address = self.address(client)
        if address and self.shared is not None:
            # As all workers have it; our own hash is of this process
            address = "/".join(octets.hex() for octets in _widths(_plain(client)))
        of_party = Wanted("begin_party", self._limits.begin_party, ("party", party))
        wanted = (*self._of_address("begin_address", address), of_party)
        if self.shared is None:
            self._hit(*wanted)
        elif full := self.shared.hit(*wanted):
            self._over(full)

    def ask(self, client: str) -> None:
        """One question of a login to an identity provider, which is signed. Raises `TooManyRequests`.

        As many as logins may begin, by address, and counted apart. A login's first is not counted.
        """
        self._hit(*self._of_address("begin_address", self.address(client), "ask"))

    def speak(self, client: str) -> None:
        """One choice of a login's language, which keeps its state anew: as many as for `ask`. Raises `TooManyRequests`."""
        self._hit(*self._of_address("begin_address", self.address(client), "speak"))

    def check_failures(
        self, address: str, place: str = "", client: str | None = None, *, own: bool = False, times: int = 1
    ) -> None:
        """Raise `TooManyRequests` where too much that came from there was refused in the last minute.

        Each `place` has a count of its own: citizens who fail do not shut out a relying party behind the same address. So
        has each `client` of one, "" for all that are unknown; together they may fail `CLIENT_TIMES` as often. `own` looks
        at what this address itself has failed for this client, and at nothing that a neighbour could have done. `times`
        as many as the limit may be refused.
        """
        wanted = self._of_failures(address, place, client, times)
        for one in wanted[:1] if own else wanted:
            if self._windows.counted(self._key_of(one), WINDOW) >= one.amount:
                self._over(one.name)

    def failed(self, address: str, place: str = "", client: str | None = None, *, times: int = 1) -> None:
        """What came from there was refused."""
        wanted = self._of_failures(address, place, client, times)
        self._windows.count_in_each([(self._key_of(one), one.amount) for one in wanted], WINDOW)

    def _of_failures(self, address: str, place: str, client: str | None, times: int) -> tuple[Wanted, ...]:
        if client is None:
            return self._of_address("failures", address, place, times=times)
        own = self._of_address("failures", address, place, client)
        return (*own, *self._of_address("failures", address, place, times=CLIENT_TIMES))

    def _of_address(self, name: str, address: str, *parts: str, times: int = 1) -> tuple[Wanted, ...]:
        """What counts under a limit of addresses: the address, and then its line, where it has one; nothing for nobody."""
        own, _, line = address.partition("/")
        amount: int = times * getattr(self._limits, name)
        found = (Wanted(name, amount, ("address", own, *parts)),) if own else ()
        return (*found, Wanted(name, LINE_TIMES * amount, ("line", line, *parts))) if line else found

    def _hit(self, *wanted: Wanted, windows: Windows | None = None) -> None:
        """Count one more within each of these limits, or raise `TooManyRequests` and count nothing.

        So a network that is refused uses up nothing of its line, nor an address of a party, and the networks of a line that
        is refused make no keys.
        """
        limits = [(self._key_of(one), one.amount) for one in wanted]
        if full := (self._windows if windows is None else windows).count_in_each(limits, WINDOW):
            self._over(wanted[full - 1].name)

    def _key_of(self, one: Wanted) -> str:
        return f"{one.name}/{one.amount}/{_digest(self._key, *one.parts)}"

    def _over(self, name: str) -> None:
        self._refused(name)
        raise TooManyRequests(name, WINDOW)


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
    file, host = str(settings.folder / "ciconia.toml"), settings.valkey.rpartition("@")[2].split("://")[-1]
    try:
        storage = _valkey(settings.valkey)
    except ConfigurationError:
        what, fix = "Valkey's library is not installed.", f"{EXTRAS}, or leave valkey out"
        raise Misconfigured((Problem(file, 0, "valkey", what, fix),)) from None
    if not ask:
        return
    try:
        found = storage.storage.config_get("maxmemory-policy")
    except storage.base_exceptions:
        # The cause may quote a password
        what, fix = f"Valkey at {host} does not answer, or refuses CONFIG GET.", "start it, or let this user ask"
        raise Misconfigured((Problem(file, 0, "valkey", what, fix),)) from None
    finally:
        storage.storage.close()
    policy = str(found.get("maxmemory-policy", ""))
    if policy != "noeviction":
        what = f"maxmemory-policy of {host} is {policy or 'not told'}: a full memory would drop counters and their limits."
        raise Misconfigured((Problem(file, 0, "valkey", what, "set maxmemory-policy noeviction in valkey.conf"),))


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


def _widths(found: Address) -> tuple[bytes, ...]:
    """The octets by which an address is counted: all four, or the first eight and the first six of an IPv6 address."""
    return (found.packed,) if isinstance(found, ipaddress.IPv4Address) else (found.packed[:NETWORK], found.packed[:LINE])


def _digest(key: bytes, *parts: str) -> str:
    joined = b""
    for part in parts:
        octets = part.encode()
        joined += len(octets).to_bytes(4) + octets
    return hashlib.blake2b(joined, key=key, digest_size=DIGEST).hexdigest()
