"""The address of a key in a token (RFC 7512), which stands in a key file in place of PEM.

    pkcs11:token=ciconia;object=es256?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/ciconia/pin

`token` or `serial` names the token, `object` or `id` the key. `pin-source` is a file (`file:/...`, mode 0600) or a variable
of the environment (`env:NAME`). A PIN itself (`pin-value`) is refused: it does not belong beside the key's name.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote_from_bytes, unquote_to_bytes

from idp.system.files import read_whole
from policies.errors import KeysUnavailable

SCHEME = b"pkcs11:"
# Longer is no address: a token's label has 32 characters
MOST = 2048
MOST_PIN = 256
ALONE_SECONDS = 2.0
_TOKEN = ("token", "serial", "model", "manufacturer")
_PATH = frozenset({*_TOKEN, "object", "id", "type"})
_QUERY = frozenset({"module-path", "pin-source"})
_FILE, _ENVIRONMENT = "file:", "env:"
_SOURCE = re.compile(r"file:/.+|env:[A-Z][A-Z0-9_]{0,63}")
_KIND = ("private", "secret-key")


@dataclass(frozen=True, slots=True)
class TokenAddress:
    """A token: the module's file, what the token says of itself, and where its PIN is."""

    module: str
    # Names of RFC 7512 with their values, in one order
    named: tuple[tuple[str, str], ...]
    pin_source: str

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self.named) + f" of {self.module}"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from giving the token this PIN meanwhile; one that hangs keeps nobody for long."""
        with ExitStack() as held:
            with suppress(OSError):  # no file of ours, or a file system that locks none: there it goes without
                file = held.enter_context(Path(self.pin_source.removeprefix(_FILE)).open("rb"))
                ends = time.monotonic() + ALONE_SECONDS
                while not _locked(file) and time.monotonic() < ends:
                    time.sleep(0.01)
            yield

    def pin(self) -> str:
        """The PIN. Raises `KeysUnavailable`, which never quotes it."""
        if self.pin_source.startswith(_ENVIRONMENT):
            name = self.pin_source.removeprefix(_ENVIRONMENT)
            pin = os.environ.get(name, "")
            if not pin:
                raise KeysUnavailable(f"the environment has no {name}, which holds the token's PIN")
            return pin
        path = Path(self.pin_source.removeprefix(_FILE))
        try:
            if path.stat().st_mode & 0o077:
                raise KeysUnavailable(f"others than its owner may read the token's PIN: chmod 600 {path}")
            pin = read_whole(path)[: MOST_PIN + 1].decode("utf-8").removesuffix("\n").removesuffix("\r")
        except OSError as error:
            raise KeysUnavailable(f"the token's PIN cannot be read from {path} ({error.strerror})") from None
        except UnicodeDecodeError:
            pin = ""
        if not 0 < len(pin) <= MOST_PIN:
            raise KeysUnavailable(f"{path} does not hold a token's PIN in one line")
        return pin


def _locked(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class KeyAddress:
    """A key of a token: its label, its id, or both."""

    token: TokenAddress
    label: str = ""
    identifier: bytes = field(default=b"")

    def __str__(self) -> str:
        names = [f"object={self.label}"] if self.label else []
        names += [f"id={self.identifier.hex()}"] if self.identifier else []
        return f"{' '.join(names)} in the token {self.token}"


def is_address(content: bytes) -> bool:
    """Whether a key file names a key of a token."""
    return content.lstrip().startswith(SCHEME)


def read_key_address(content: bytes) -> KeyAddress:
    """Read the address of a key file, without the certificate behind it. ValueError, with words for an operator."""
    path, query = _parts(content)
    if not ({"object", "id"} & path.keys()):
        raise ValueError("the address names no key: it needs object or id.")
    if path.get("type", b"private").decode("latin-1") not in _KIND:
        raise ValueError("the address is not of a private or secret key (type).")
    return KeyAddress(_token(path, query), _text(path.get("object", b"")), path.get("id", b""))


def read_token_address(text: str) -> TokenAddress:
    """Read the address of a token, in which a key is to be made. ValueError, with words for an operator."""
    path, query = _parts(text.encode())
    if {"object", "id", "type"} & path.keys():
        raise ValueError("the address names a key, and a new key gets its name from its kind.")
    return _token(path, query)


def spelled(address: KeyAddress) -> str:
    """The address as a key file has it."""
    token = address.token
    named = [(name, value.encode()) for name, value in token.named if name in _TOKEN]
    named += [("object", address.label.encode())] if address.label else []
    named += [("id", address.identifier)] if address.identifier else []
    path = ";".join(f"{name}={quote_from_bytes(value, safe='')}" for name, value in named)
    return f"pkcs11:{path}?module-path={_quoted(token.module)}&pin-source={_quoted(token.pin_source)}"


def name_of(content: bytes) -> bytes:
    """The token and the key of a key file, in one spelling: two files with one name hold one key. ValueError."""
    return spelled(read_key_address(content)).partition("?")[0].encode()


def _quoted(text: str) -> str:
    return quote_from_bytes(text.encode(), safe="/:")


def _parts(content: bytes) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The attributes of the path and of the query (RFC 7512 §2.3), each once."""
    text = content.strip()
    if len(text) > MOST or not text.isascii() or len(text.split()) != 1 or not text.startswith(SCHEME):
        raise ValueError("it is not one line with the address of a key (RFC 7512).")
    path, _, query = text.removeprefix(SCHEME).decode("ascii").partition("?")
    return _attributes(path, ";", _PATH), _attributes(query, "&", _QUERY)


def _attributes(text: str, mark: str, known: frozenset[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for piece in text.split(mark) if text else ():
        name, equals, value = piece.partition("=")
        if name == "pin-value":
            raise ValueError("a PIN does not belong into an address: write it into a file, and pin-source=file:/... here.")
        if not equals or name not in known or name in found or not value:
            raise ValueError(f"the address has {name or 'nothing'} where one of {', '.join(sorted(known))} belongs, once.")
        found[name] = unquote_to_bytes(value)
    return found


def _token(path: dict[str, bytes], query: dict[str, bytes]) -> TokenAddress:
    if not ({"token", "serial"} & path.keys()):
        raise ValueError("the address names no token: it needs token or serial.")
    module, source = (_text(query.get(name, b"")) for name in ("module-path", "pin-source"))
    if not module.startswith("/"):
        raise ValueError("the address needs module-path=, the whole path of the module's library.")
    if not _SOURCE.fullmatch(source):
        raise ValueError("the address needs pin-source=file:/... or pin-source=env:NAME.")
    return TokenAddress(module, tuple((name, _text(path[name])) for name in _TOKEN if name in path), source)


def _text(value: bytes) -> str:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("the address holds what is not UTF-8.") from None
    if text and not text.isprintable():
        raise ValueError("the address holds control characters.")
    return text
