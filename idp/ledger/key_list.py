"""The list of a log's public keys, in which each later key is vouched for by the key before it.

Whoever adds a line to such a list adds a key with which they sign what they like. So a line counts only if the key before
it signed for it. The list is text, UTF-8, each line ended by a line feed:

    city.example/log+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k     the first key: nobody vouches for it
    city.example/log+9a1c22f0+Acmk3w...                                          a later one, and below it who signed for it
    — city.example/log Uw2QOkn8srV1...                                           the key before it
    — city.example/log mhwi8Hj2kq0b...                                           the key itself

A signature line is that of a C2SP signed note (`checkpoint`). It signs `ciconia/log-keys/v1`, a line feed, and the lines of
all keys down to the one above it, each with its line feed and without the word `revoked`. The later key signs, too, so
nobody can put a key of theirs before it. Nobody vouches for the first line: take it from elsewhere.

A key for which the key before alone signed is an *elder*: its private half was gone when it was listed, and it vouches for
nothing. The key before a line is the last one above it that is no elder. A line that begins with `revoked ` is of a key
that does not count any more; it stays so that the lines after it can be checked.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from idp.ledger.checkpoint import SIGNATURE_MARK, VerifierKey, read_signature, signature_line
from policies.errors import SignatureInvalid

SIGNED = "ciconia/log-keys/v1\n"
REVOKED = "revoked "
MAX_LISTED = 1000


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key of the list, the signature lines below it, and whether it is said to be revoked."""

    key: VerifierKey
    signatures: tuple[str, ...] = ()
    revoked: bool = False

    @property
    def text(self) -> str:
        """Its lines."""
        return "".join(f"{line}\n" for line in (f"{REVOKED if self.revoked else ''}{self.key}", *self.signatures))


@dataclass(frozen=True, slots=True)
class KeyList:
    """A list whose every line holds."""

    listed: tuple[ListedKey, ...]

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """Its keys, the first one first."""
        return tuple(each.key for each in self.listed)

    @property
    def counting(self) -> tuple[VerifierKey, ...]:
        """Those that are not revoked."""
        return tuple(each.key for each in self.listed if not each.revoked)

    @property
    def text(self) -> str:
        """The list as text."""
        return "".join(each.text for each in self.listed)

    @property
    def last(self) -> VerifierKey:
        """The key that vouches for the next one."""
        return [each.key for place, each in enumerate(self.listed) if not place or _is_own(each)][-1]

    @property
    def elders(self) -> frozenset[VerifierKey]:
        """The keys that did not sign for themselves."""
        return frozenset(each.key for each in self.listed[1:] if not _is_own(each))

    def telling(self, revoked: Collection[VerifierKey]) -> "KeyList":
        """The same list, with these keys and no others marked as revoked."""
        return KeyList(tuple(replace(each, revoked=each.key in revoked) for each in self.listed))

    def followed_by(self, key: VerifierKey, signers: Mapping[VerifierKey, Ed25519PrivateKey]) -> "KeyList":
        """The list with one key more. KeyError if `signers` lack the last key; if they lack `key`, it is an elder."""
        message = _message((*self.keys, key))
        signing = [self.last, *([key] if key in signers else [])]
        lines = tuple(signature_line(each.name, signers[each], message) for each in signing)
        return KeyList((*self.listed, ListedKey(key, lines)))


def begun_with(key: VerifierKey) -> KeyList:
    """A list of one key."""
    return KeyList((ListedKey(key),))


def read_list(text: str) -> KeyList:
    """Read a list. Raises `SignatureInvalid` if a line is no key, another log's, there twice, or not vouched for."""
    found: list[ListedKey] = []
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith(SIGNATURE_MARK) and found:
            found[-1] = replace(found[-1], signatures=(*found[-1].signatures, line))
        else:
            found.append(ListedKey(VerifierKey.read(line.removeprefix(REVOKED)), revoked=line.startswith(REVOKED)))
    keys = [each.key for each in found]
    if len(found) > MAX_LISTED or len({key.name for key in keys}) != 1 or len(set(keys)) != len(keys):
        raise SignatureInvalid("note_key", "keys of two logs, one key twice, or more keys than a log has")
    before = keys[0]
    for place, each in enumerate(found):
        before = _checked(each, before, keys[: place + 1])
    return KeyList(tuple(found))


def read_keys(text: str) -> tuple[VerifierKey, ...]:
    """The keys of a list that are not revoked. Raises as `read_list` does, and if none is left."""
    if not (keys := read_list(text).counting):
        raise SignatureInvalid("note_key", "every key is revoked")
    return keys


def _checked(each: ListedKey, before: VerifierKey, keys: Iterable[VerifierKey]) -> VerifierKey:
    """Check a line; returns the key that vouches for the next one."""
    message = _message(keys)
    signed: list[VerifierKey] = []
    for line in each.signatures:
        name, key_id, signature = read_signature(line)
        key = next((one for one in (before, each.key) if (one.name, one.key_id) == (name, key_id)), None)
        if key is None or key in signed:
            raise SignatureInvalid(
                "note_key", f"the key {each.key.key_id.hex()} is signed for by another than the one before"
            )
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            raise SignatureInvalid("note_key", f"a signature for the key {each.key.key_id.hex()} does not hold") from None
        signed.append(key)
    if before not in signed and each.key != before:
        raise SignatureInvalid("note_key", f"the key before it does not vouch for the key {each.key.key_id.hex()}")
    return each.key if each.key in signed else before


def _is_own(each: ListedKey) -> bool:
    return any(read_signature(line)[:2] == (each.key.name, each.key.key_id) for line in each.signatures)


def _message(keys: Iterable[VerifierKey]) -> bytes:
    return (SIGNED + "".join(f"{key}\n" for key in keys)).encode()
