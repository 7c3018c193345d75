"""Keys in a token that a file of the key folder names, loaded at start; `Misconfigured` says which file, and what to do."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from idp.keys.hsm.address import KeyAddress, TokenAddress, read_key_address, read_token_address
from idp.keys.hsm.private_keys import TokenKey, TokenMac, token_key
from policies.errors import KeysUnavailable, Misconfigured, Problem

_FIX = "Correct its address, or bring the token to this machine; docs/keys-in-an-hsm.md says how."
_INSTALL = "Install docker/requirements.lock, which has it; docs/keys-in-an-hsm.md says how."
T = TypeVar("T")


def load_token_key(path: Path, content: bytes) -> TokenKey:
    """The private key that a file names. Raises `Misconfigured`."""
    return _loaded(path, content, token_key)


def load_token_mac(path: Path, content: bytes) -> TokenMac:
    """The secret that a file names. Raises `Misconfigured`."""
    return _loaded(path, content, lambda address: TokenMac(address).proved())


def checked_token(text: str) -> TokenAddress:
    """The address of a token in which a key is to be made. ValueError, with words for an operator."""
    if find_spec("pkcs11") is None:
        raise ValueError(f"this installation has no PKCS#11. {_INSTALL}")
    return read_token_address(text)


def _loaded(path: Path, content: bytes, load: Callable[[KeyAddress], T]) -> T:
    if find_spec("pkcs11") is None:
        what = "it names a key in a token, and this installation has no PKCS#11."
        raise Misconfigured((Problem(str(path), 0, path.name, what, _INSTALL),))
    try:
        return load(read_key_address(content))
    except ValueError as error:
        what = str(error)
    except KeysUnavailable as error:
        what = f"{error.detail}."
    raise Misconfigured((Problem(str(path), 0, path.name, what, _FIX),)) from None
