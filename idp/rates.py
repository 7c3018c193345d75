"""How often one party, node or address may ask: moving windows of a minute, by the library `limits`.

In the memory of each worker, so N workers take up to N times as much; with the setting `valkey` the beginnings of logins
are counted by all workers of all machines together. What is counted there is not begun while Valkey is gone, and nothing
else needs it: whoever has begun ends. A Valkey that was flushed begins to count anew, and holds nothing else of ours.

No key holds an address, a party's name or anything of a citizen: it is a keyed hash. In memory the key is random, of this
process. In Valkey, where all workers must find the same, it is derived from a key that Valkey never sees, anew for every
ten minutes (decisions.md I): a window may begin anew then, and a dump says nothing about anybody.
"""

import hashlib
import ipaddress
import secrets
import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence

from limits import RateLimitItemPerMinute
from limits.errors import ConfigurationError
from limits.storage import MovingWindowSupport, RedisStorage, Storage
from limits.strategies import MovingWindowRateLimiter

from idp.settings import Limits, Settings
from policies.errors import Misconfigured, Problem, StoreUnavailable, TooManyRequests

WINDOW = 60
KEY_LIFE = 600
# What a flood of addresses may take: 30 MB at most. Beyond it whoever came longest ago is forgotten.
MAX_KEYS = 50_000
PARTS = 12
VALKEY_SECONDS = 0.25
# After Valkey did not answer, nobody waits for it again for so long
VALKEY_REST = 1.0
DIGEST = 12
Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]


class Windows(Storage, MovingWindowSupport):
    """The moving windows of one process, of a bounded number of keys, without a thread. All windows have one length.

    The library's own memory starts a thread every hundredth of a second and keeps as many keys as strangers send. A window
    is a pair (newest moment, how many) for each twelfth of its length, and what came in one twelfth is forgotten together.
    So no window holds more than its limit, a dense one is held for up to a twelfth longer, and what a key takes does not
    grow with how often it comes. A key is forgotten when its window is over.
    """

    def __init__(self, max_keys: int = MAX_KEYS, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._max_keys, self._clock = max_keys, clock
        self._lock = threading.Lock()
        # In the order of their last use
        self._windows: OrderedDict[str, array[float]] = OrderedDict()

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` more under a key, unless that is above its limit."""
        with self._lock:
            now, window = self._clock(), self._window(key, expiry)
            if sum(window[1::2]) + amount > limit:
                return False
            part = expiry / PARTS
            if window and window[-2] // part == now // part:
                window[-2] = now
                window[-1] += amount
            else:
                window.extend((now, amount))
            return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002 - the library's
        """When the oldest of the window came, and how many there are."""
        with self._lock:
            window = self._window(key, expiry) if key in self._windows else ()
            return (window[0] if window else self._clock()), int(sum(window[1::2]))

    def _window(self, key: str, expiry: int) -> "array[float]":
        oldest = self._clock() - expiry
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

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """Nothing here fails."""
        return ()

    def reset(self) -> int | None:
        """Forget everything; how many keys there were."""
        with self._lock:
            found = len(self._windows)
            self._windows.clear()
        return found

    def clear(self, key: str) -> None:
        """Forget one key."""
        with self._lock:
            self._windows.pop(key, None)

    def check(self) -> bool:
        """It is there."""
        return True

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Of fixed windows, which nobody here has."""
        raise NotImplementedError

    def get(self, key: str) -> int:
        """Of fixed windows, which nobody here has."""
        raise NotImplementedError

    def get_expiry(self, key: str) -> float:
        """Of fixed windows, which nobody here has."""
        raise NotImplementedError


class Shared:
    """Valkey, as all workers of all machines count in it. `key` is a secret of the tenant that Valkey never sees."""

    def __init__(self, url: str, *, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._storage = _valkey(url)
        self._limiter = MovingWindowRateLimiter(self._storage)
        self._key, self._clock = key, clock
        self._rests = 0.0
        self.reachable = True

    def hit(self, item: RateLimitItemPerMinute, *parts: str) -> bool:
        """Whether one more is within the limit. Raises `StoreUnavailable` where Valkey does not say so in time."""
        if time.monotonic() < self._rests:
            raise StoreUnavailable("the shared limits cannot be asked")
        slot = int(self._clock()) // KEY_LIFE
        key = _digest(hashlib.blake2b(slot.to_bytes(8), key=self._key[:64], digest_size=32).digest(), *parts)
        try:
            taken = self._limiter.hit(item, key)
        except self._storage.base_exceptions as error:
            self._rests, self.reachable = time.monotonic() + VALKEY_REST, False
            raise StoreUnavailable("the shared limits cannot be asked") from error
        self.reachable = True
        return taken

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
        refused: Callable[[str], None] = lambda _limit: None,
    ) -> None:
        self._items = {
            name: RateLimitItemPerMinute(getattr(limits, name))
            for name in ("begin_address", "begin_party", "failures", "pages")
        }
        self._exempt = [ipaddress.ip_network(network) for network in exempt]
        self.shared = shared
        self._limiter = MovingWindowRateLimiter(Windows() if windows is None else windows)
        self._key = secrets.token_bytes(32)
        self._refused = refused

    def address(self, client: str) -> str:
        """What an address is counted by: itself, or an IPv6 address's /64, which is one household's or one machine's.

        "" where it is nobody's: this machine's own, or that of a trusted proxy that did not say for whom it asks. Those
        are not limited by address, since everybody would be limited as one.
        """
        try:
            found = ipaddress.ip_address(client)
        except ValueError:
            return ""
        if isinstance(found, ipaddress.IPv6Address):
            found = found.ipv4_mapped or found
        if found.is_loopback or any(found in network for network in self._exempt):
            return ""
        octets = found.packed[:8] if found.version == 6 else found.packed  # noqa: PLR2004 - RFC 4291 §2.5.1
        return hashlib.blake2b(octets, key=self._key, digest_size=DIGEST).hexdigest()

    def page(self, address: str) -> None:
        """One request of an address. Raises `TooManyRequests`."""
        if address:
            self._count("pages", address)

    def begin(self, client: str, party: str) -> None:
        """One login that begins, for a registered party or node. Raises `TooManyRequests` and `StoreUnavailable`."""
        address = self.address(client)
        if self.shared is None:
            if address:
                self._count("begin_address", address)
            self._count("begin_party", party)
            return
        if address and not self.shared.hit(self._items["begin_address"], "address", _prefix(client)):
            self._over("begin_address")
        if not self.shared.hit(self._items["begin_party"], "party", party):
            self._over("begin_party")

    def check_failures(self, address: str, place: str = "") -> None:
        """Raise `TooManyRequests` where too much that came from there was refused in the last minute.

        Each `place` has a count of its own: citizens who fail do not shut out a relying party behind the same address.
        """
        if address and not self._limiter.test(self._items["failures"], "failures", _digest(self._key, address, place)):
            self._over("failures")

    def failed(self, address: str, place: str = "") -> None:
        """What came from there was refused."""
        if address:
            self._limiter.hit(self._items["failures"], "failures", _digest(self._key, address, place))

    def _count(self, name: str, *parts: str) -> None:
        if not self._limiter.hit(self._items[name], name, _digest(self._key, *parts)):
            self._over(name)

    def _over(self, name: str) -> None:
        self._refused(name)
        raise TooManyRequests(name, WINDOW)


def check_valkey(settings: Settings) -> None:
    """Raise `Misconfigured` where Valkey cannot be asked, or would drop counters when its memory is full.

    For the start alone: a worker that starts again while Valkey is gone serves those who have begun.
    """
    if not settings.valkey:
        return
    file, host = str(settings.folder / "ciconia.toml"), settings.valkey.rpartition("@")[2].split("://")[-1]
    try:
        storage = _valkey(settings.valkey)
    except ConfigurationError:
        what, fix = "Valkey's library is not installed.", "pip install 'ciconia[cluster]', or leave valkey out"
        raise Misconfigured((Problem(file, 0, "valkey", what, fix),)) from None
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


def _prefix(client: str) -> str:
    """An address, or the /64 of an IPv6 address, for hashing."""
    found = ipaddress.ip_address(client)
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found
    return found.packed[:8].hex() if found.version == 6 else found.packed.hex()  # noqa: PLR2004 - RFC 4291 §2.5.1


def _digest(key: bytes, *parts: str) -> str:
    made = hashlib.blake2b(key=key, digest_size=DIGEST)
    for part in parts:
        octets = part.encode()
        made.update(len(octets).to_bytes(4) + octets)
    return made.hexdigest()
