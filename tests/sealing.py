"""A sealing key that a test chose, for every kind and hour."""

from dataclasses import dataclass

from idp.login.sealing import HOUR

FIXED_HOUR = 1_795_600_000 // HOUR


@dataclass(frozen=True)
class FixedKeys:
    """`idp.login.sealing.SealingKeys` that never change."""

    key: bytes
    of_hour: int = FIXED_HOUR

    def current(self, _kind: str) -> tuple[int, bytes]:
        return self.of_hour, self.key

    def to_seal(self, _kind: str, _hour: int) -> bytes:
        return self.key

    def to_open(self, _kind: str, _hour: int) -> bytes:
        return self.key


def fixed_keys(key: bytes) -> FixedKeys:
    return FixedKeys(key)
