"""Keys that decrypt for inspection: a developer's own is used; a production broker's first leaves a record of why.

Decisions 16: an operator who decrypts a citizen's assertion by hand reads what no page of the broker would show them. So
that is refused, unless they say it (`--unsafe-decrypt`) and why (`--reason`), and then it stands in the release ledger
before the key is used.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from cryptography.hazmat.primitives.hashes import HashAlgorithm

from connectors.signatures.signer import Unwrapper
from idp.inspection.options import Options, could_not
from idp.inspection.reading import read_side_file
from idp.keys.file import FileUnwrapper, unwrapper_of_pem
from idp.ports import Unit
from idp.settings import SETTINGS_FILE, Settings, load_settings
from idp.store.store import open_store
from idp.transparency.draft import draft_decryption, new_record
from idp.transparency.keys import load_ledger_keys
from policies.errors import BrokerError, Misconfigured

LOCKED = "the keys of a production configuration do not decrypt here without --unsafe-decrypt and --reason."


class Guarded:
    """An `Unwrapper` that records each file before it decrypts of it, or refuses to decrypt at all."""

    def __init__(self, unwrapper: Unwrapper, record: Callable[[str], None] | None) -> None:
        self._unwrapper, self._record = unwrapper, record
        self._file, self._recorded = "", ""

    @property
    def certificate(self) -> bytes:
        """As `Unwrapper` has it."""
        return self._unwrapper.certificate

    @property
    def key_id(self) -> str:
        """As `Unwrapper` has it."""
        return self._unwrapper.key_id

    def begin(self, digest: str) -> None:
        """From here on it is this file, by its SHA-256."""
        self._file = digest

    def unwrap(self, wrapped: bytes, digest: HashAlgorithm, mgf: HashAlgorithm) -> bytes:
        """As `Unwrapper` has it. Raises `BrokerError` where it is not allowed, or cannot be recorded."""
        if self._record is None:
            raise BrokerError(LOCKED, code="decryption_locked", public="This assertion is encrypted, and stays so.")
        if self._recorded != self._file:
            self._record(self._file)
            self._recorded = self._file
        return self._unwrapper.unwrap(wrapped, digest, mgf)


def key_of_configuration(
    key: Unwrapper, settings: Settings, options: Options, clock: Callable[[], int], stack: ExitStack
) -> Unwrapper:
    """A configuration's key: as it is in a demo, else guarded. `stack` closes the ledger."""
    if settings.demo and not options.unsafe_decrypt:
        return key
    if not options.unsafe_decrypt:
        return Guarded(key, None)
    ledger = load_ledger_keys(settings.key_folder, settings.origin)
    store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=ledger)
    stack.callback(store.close)

    def record(file: str) -> None:
        draft = draft_decryption(record=new_record(), time=clock(), file=file, reason=options.reason or "")
        store.commit(Unit(tenant=settings.tenant, record=draft))

    return Guarded(key, record)


def key_by_hand(path: Path, options: Options, clock: Callable[[], int], stack: ExitStack) -> Unwrapper:
    """The key of `--sp-key`: a developer's own, or a configuration's by where it lies. Raises `BrokerError`."""
    try:
        key: FileUnwrapper = unwrapper_of_pem(read_side_file(path, "the key"))
    except ValueError as error:
        raise could_not(f"the key {path} cannot be used: {error}.") from None
    folder = next((parent for parent in path.resolve().parents if (parent / SETTINGS_FILE).is_file()), None)
    if folder is None:
        if options.unsafe_decrypt:
            raise could_not("--unsafe-decrypt is for the keys of a configuration: this one lies in none.")
        return key
    try:
        return key_of_configuration(key, load_settings(folder), options, clock, stack)
    except Misconfigured:
        # Whether it is a production broker's cannot be told, so it is taken for one
        return Guarded(key, None)
