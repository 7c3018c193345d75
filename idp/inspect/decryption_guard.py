"""Keys that decrypt for inspection. A developer's own key is free; a production broker's use is first recorded with why.

Decisions 16: an operator who decrypts a citizen's assertion by hand reads what no page of the broker would show them. So it
takes `--unsafe-decrypt` and `--reason`, and the release ledger has the record before the key is used.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import HashAlgorithm

from connectors.signatures.decryption_keys import FileAgreement, FileUnwrapper, unwrapper_of_pem
from connectors.signatures.signer import Agreement, DecryptionKey, Unwrapper
from idp.config.settings import SETTINGS_FILE, Settings, load_settings
from idp.inspect.message_files import read_side_file
from idp.inspect.options import Options, could_not
from idp.keys.file import is_marked
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.operator_records import draft_decryption
from idp.ledger.record_contents import new_record
from idp.ports import Unit
from idp.store.store import open_store
from policies.errors import BrokerError, Misconfigured

LOCKED = (
    "the keys of a production configuration do not decrypt here without --unsafe-decrypt and --reason, nor outside of it "
    "without --config; a key from a pipe counts as one."
)


class Guard:
    """Records each file before a key decrypts it, or lets no key decrypt.

    All keys of an inspection share one guard: only an open file tells which key opens it.
    """

    def __init__(self, record: Callable[[str], None] | None) -> None:
        self._record = record
        self._file = ""
        # None: without a file a key does not decrypt unrecorded
        self._recorded: str | None = None

    def begin(self, digest: str) -> None:
        """Starts the next file, by its SHA-256."""
        self._file = digest

    def allow(self) -> None:
        """Records the file before its first use. Raises `BrokerError` where that is not allowed or fails."""
        if self._record is None:
            raise BrokerError(LOCKED, code="decryption_locked", public="This assertion is encrypted, and stays so.")
        if self._recorded != self._file:
            self._record(self._file)
            self._recorded = self._file


class Guarded:
    """A key that asks its guard before it decrypts."""

    def __init__(self, key: DecryptionKey, guard: Guard) -> None:
        self._key, self.guard = key, guard

    @property
    def certificate(self) -> bytes:
        """See `Unwrapper` and `Agreement`."""
        return self._key.certificate

    @property
    def key_id(self) -> str:
        """See `Unwrapper` and `Agreement`."""
        return self._key.key_id


class GuardedUnwrapper(Guarded):
    """A guarded `Unwrapper`."""

    def __init__(self, key: Unwrapper, guard: Guard) -> None:
        super().__init__(key, guard)
        self._unwrapper = key

    def unwrap(self, wrapped: bytes, digest: HashAlgorithm, mgf: HashAlgorithm) -> bytes:
        """See `Unwrapper`. Raises as `Guard.allow`."""
        self.guard.allow()
        return self._unwrapper.unwrap(wrapped, digest, mgf)


class GuardedAgreement(Guarded):
    """A guarded `Agreement`."""

    def __init__(self, key: Agreement, guard: Guard) -> None:
        super().__init__(key, guard)
        self._agreement = key

    @property
    def curve(self) -> str:
        """See `Agreement`."""
        return self._agreement.curve

    def agree(self, public_key: EllipticCurvePublicKey) -> bytes:
        """See `Agreement`. Raises as `Guard.allow`."""
        self.guard.allow()
        return self._agreement.agree(public_key)


def guarded(key: DecryptionKey, guard: Guard) -> GuardedUnwrapper | GuardedAgreement:
    """The key with its guard."""
    return GuardedAgreement(key, guard) if isinstance(key, Agreement) else GuardedUnwrapper(key, guard)


def keys_of_configuration(
    keys: Sequence[DecryptionKey], settings: Settings, options: Options, clock: Callable[[], int], stack: ExitStack
) -> tuple[DecryptionKey, ...]:
    """A configuration's keys: a demo's own as they are, else guarded. `stack` closes the ledger. Raises `BrokerError`.

    A marked key is a production broker's, whatever the settings say, and a demo's ledger does not count as a record.
    """
    if settings.demo:
        marked = [key for key in keys if isinstance(key, FileUnwrapper | FileAgreement) and key.marked]
        if marked and options.unsafe_decrypt:
            raise could_not("a demo records no use of a production broker's key: name the configuration that it is from.")
        if not options.unsafe_decrypt:
            guard = Guard(None)
            return tuple(guarded(key, guard) if key in marked else key for key in keys)
    if not options.unsafe_decrypt:
        return _all_guarded(keys, None)
    ledger = load_ledger_keys(settings.key_folder, settings.origin)
    store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=ledger)
    stack.callback(store.close)

    def record(file: str) -> None:
        draft = draft_decryption(record=new_record(), time=clock(), file=file, reason=options.reason or "")
        store.commit(Unit(tenant=settings.tenant, record=draft))

    return _all_guarded(keys, record)


def _all_guarded(keys: Sequence[DecryptionKey], record: Callable[[str], None] | None) -> tuple[DecryptionKey, ...]:
    """The keys with one guard for all."""
    guard = Guard(record)
    return tuple(guarded(key, guard) for key in keys)


def key_by_hand(path: Path, options: Options, clock: Callable[[], int], stack: ExitStack) -> DecryptionKey:
    """The key of `--sp-key`: a developer's own, or guarded as a production broker's. Raises `BrokerError`.

    A key is guarded that is marked, that lies in a configuration which is no demo's, or that comes through a pipe, so that
    nobody can tell where it lies. In doubt it counts as a production broker's.
    """
    content = read_side_file(path, "the key")
    try:
        key = unwrapper_of_pem(content)
    except ValueError as error:
        raise could_not(f"the key {path} cannot be used: {error}.") from None
    unknown = is_marked(content) or not _is_plain_file(path)
    try:
        around = _settings_around(path)
        named = load_settings(options.config) if options.config is not None else None
    except Misconfigured:
        return guarded(key, Guard(None))
    if around is None and named is not None and _lies_in(path, named.key_folder):
        around = named
    if not unknown:
        if around is None:
            if options.unsafe_decrypt:
                raise could_not("--unsafe-decrypt is for the keys of a configuration: this one lies in none.")
            return key
        return keys_of_configuration([key], around, options, clock, stack)[0]
    # A production key that was copied into a demo is not the demo's
    ledger = next((each for each in (around, named) if each is not None and not each.demo), None)
    if ledger is not None:
        return keys_of_configuration([key], ledger, options, clock, stack)[0]
    if options.unsafe_decrypt:
        raise could_not("this key is guarded: --config DIR names the configuration (no demo's) that records its use.")
    return guarded(key, Guard(None))


def _settings_around(path: Path) -> Settings | None:
    """The settings of the configuration in which a key lies, by its name or its link. Raises `Misconfigured`."""
    parents = (*path.resolve().parents, *path.absolute().parents)
    folder = next((parent for parent in parents if (parent / SETTINGS_FILE).is_file()), None)
    return load_settings(folder) if folder is not None else None


def _lies_in(path: Path, folder: Path) -> bool:
    return any(each.is_relative_to(folder.resolve()) for each in (path.resolve(), path.absolute()))


def _is_plain_file(path: Path) -> bool:
    """Whether it is a file with a place: no pipe, no standard input, no open file by its number."""
    places = (path.absolute(), path.resolve())
    return path.is_file() and not any(place.parts[1:2] in (("dev",), ("proc",)) for place in places)
