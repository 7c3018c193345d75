"""One registration at which tokens are tried: a good token of it, made anew each time, and what makes cases of others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from connectors.attacks.case import Kind, Place
from connectors.attacks.tokens.making import Sign, SigningKey, signed, signer, written
from connectors.wire.claims import Json


class Absent(Enum):
    """Instead of a value: the member is left out."""

    ABSENT = 0


ABSENT = Absent.ABSENT
Change = Json | Absent


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A private key, what it is called and the one algorithm that it is registered for."""

    kid: str
    alg: str
    private: SigningKey = field(repr=False)

    @property
    def sign(self) -> Sign:
        """A signature of its algorithm."""
        return signer(self.private, self.alg)


@dataclass(frozen=True, slots=True)
class Bench(Place):
    """`claims` gives those of a good token, each time with identifiers of its own; `typ` is its type, "" for none.

    `key` signs it. `others` are keys of the same party for other algorithms, `strange` is somebody else's for this one.
    `now` is the time of the run, in seconds; `rolling` says that there are two keys for the algorithm.
    """

    kind = Kind.JWT
    key: TokenKey
    typ: str
    claims: Callable[[], dict[str, Json]]
    others: tuple[TokenKey, ...]
    strange: TokenKey
    now: int
    rolling: bool

    def header(self, **changes: Change) -> dict[str, Json]:
        """The header of a good token, changed."""
        header: dict[str, Json] = {"alg": self.key.alg, "kid": self.key.kid}
        if self.typ:
            header["typ"] = self.typ
        return changed(header, changes)

    def token(self, *, header: Mapping[str, Change] | None = None, claims: Mapping[str, Change] | None = None) -> bytes:
        """A token that is signed as it should be, whatever it says."""
        return self.signed(self.header(**dict(header or {})), changed(self.claims(), claims or {}))

    def signed(self, header: object, claims: object, sign: Sign | None = None) -> bytes:
        """Whatever can be written as JSON, or stands as octets, signed by `sign`; by the right key without."""
        parts = [part if isinstance(part, bytes) else written(part) for part in (header, claims)]
        return signed(parts[0], parts[1], sign or self.key.sign)


def changed(members: Mapping[str, Json], changes: Mapping[str, Change]) -> dict[str, Json]:
    """These members with the changes in it."""
    return {name: value for name, value in {**members, **changes}.items() if not isinstance(value, Absent)}
