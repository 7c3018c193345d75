"""The persons who may change a configuration: `operators/NAME.pub`, with the public keys of one person each.

A file has one key a line, as `ssh-keygen` writes it: `ssh-ed25519`, or `sk-ssh-ed25519@openssh.com` of a FIDO key. Whose
keys count is said by the configuration that is in force, never by the one that somebody wants to apply.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from idp.changes.sshsig import PublicKey, read_line, verified
from policies.errors import Problem, SignatureInvalid
from policies.load.table import IDENTIFIER

FOLDER = "operators/"
PATTERN = f"{FOLDER}*.pub"
MAX_KEYS = 16
_FIX = "write one line of `ssh-keygen -t ed25519` or `ssh-keygen -t ed25519-sk` for each key: the file that ends in .pub."


@dataclass(frozen=True, slots=True)
class Operators:
    """Who may apply and approve: the name of each key."""

    keys: Mapping[PublicKey, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Every person, in order of name."""
        return tuple(sorted(set(self.keys.values())))

    def signer(self, signature: bytes, content: bytes) -> str:
        """The person who signed this content. Raises `SignatureInvalid`, also where the key is nobody's here."""
        key = verified(signature, content)
        if key not in self.keys:
            raise SignatureInvalid("operator", f"the key {key.fingerprint} is nobody's in operators/")
        return self.keys[key]


def read_operators(files: Mapping[str, bytes]) -> tuple[Operators, tuple[Problem, ...]]:
    """The persons of a configuration's files, and every problem. Nobody's key is another person's, too."""
    keys: dict[PublicKey, str] = {}
    problems: list[Problem] = []
    for file in sorted(file for file in files if fnmatchcase(file, PATTERN) and file.count("/") == 1):
        name, found = PurePosixPath(file).stem, 0

        def wrong(line: int, what: str, fix: str, file: str = file) -> None:
            problems.append(Problem(file, line, "key", what, fix))

        if not IDENTIFIER.fullmatch(name):
            wrong(0, "its name is no name.", "use 1 to 64 letters, digits, dots, hyphens and underscores.")
        for number, line in enumerate(files[file].decode("utf-8", "replace").split("\n"), 1):
            if not line.strip() or line.startswith("#"):
                continue
            found += 1
            try:
                key = read_line(line.rstrip("\r"))
            except SignatureInvalid as error:
                wrong(number, f"{error.detail}.", _FIX)
                continue
            if key in keys:
                wrong(number, f"the key is in {FOLDER}{keys[key]}.pub already.", "give each person keys of their own.")
            keys.setdefault(key, name)
        if not 0 < found <= MAX_KEYS:
            wrong(0, f"has {found} keys." if found else "has no key.", f"{_FIX} At most {MAX_KEYS}.")
    return Operators(keys), tuple(problems)
