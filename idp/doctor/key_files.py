"""The key folder: its readers, other files in it, and the age and size of its keys."""

import os
import shlex
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from idp.config.settings import SETTINGS_FILE
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, NOTICE, WARNING, DoctorFinding
from idp.keys.file import PRODUCTION_MARK, RSA_BITS
from idp.keys.folder import NODE_FILES, SAML_ENCRYPTION, SECRETS
from idp.keys.hsm.address import is_address
from idp.keys.hsm.private_keys import TokenKey
from idp.keys.index_folder import FINDING, SETTING
from idp.keys.kinds import LOG, kind_of, owner
from idp.keys.ledger_files import LOG_VKEY, OPENINGS_KEY, listed_key
from idp.keys.secret_files import CLIENT_SECRET
from idp.keys.tls_clients import TLS_CLIENT
from idp.ledger.checkpoint import SIGNATURE_MARK
from idp.system.files import read_whole
from idp.system.ownership import closed
from policies.errors import KeysUnavailable

SIGNERS = ("saml.pem", "es256.pem", "rs256.pem")
HEX = (*SECRETS, OPENINGS_KEY)
KNOWN = (*HEX, *SIGNERS, SAML_ENCRYPTION, *NODE_FILES, LOG.file, LOG_VKEY)
YEAR = 365 * 24 * 3600
# About the time after which keys are changed; a secret that makes identifiers never is
OLD = 3 * YEAR
_READ = "Whoever can read a private key can sign as this broker, or read what it recorded."
_WHY = {
    "sealing.key": "It seals every login: without it none can be carried on.",
    "pairwise.key": "It makes every citizen's identifier at every service: with another one nobody is recognised.",
    "index.key": "It finds a citizen's records in the ledger: with another one they are found no more.",
    "openings.key": "It opens what the ledger keeps encrypted: without it no record can be shown to anybody.",
    SAML_ENCRYPTION: "Identity providers encrypt to it: with one that does not serve, their every answer is refused.",
    LOG.file: "It signs the ledger's checkpoints: without it nothing can be proved.",
    LOG_VKEY: "Checkpoints and receipts of a key that lies nowhere else are checked with it: without its line they fail.",
    SETTING: "Without its keys nobody is recognised, and nobody's records are found.",
    "keys": "Without keys nothing can be sealed, signed or recorded.",
}
_SIGNS = "Services and countries know this broker by its keys: with one that does not serve, every login fails."
RENAMED = "The issuer names the log, and was changed: what was signed before counts for nothing under another name."


def back(case: Examination, origin: str) -> str:
    """Advice where the log had this name before."""
    scheme = case.settings.issuer.partition("://")[0]
    before = f"{scheme}://{origin.removesuffix('/log')}"
    return f"Change `issuer` in {SETTINGS_FILE} back to {before}, or begin with a fresh folder."


def keys(case: Examination) -> Iterator[DoctorFinding]:
    """Finds faults that keep the keys from serving, and dangers in keys that serve."""
    for problem in case.keys_problems:
        yield case.of_problem(problem, why(problem.key if problem.key == SETTING else problem.file))
    folder = case.settings.key_folder
    if closed(folder) or not folder.is_dir():
        return
    yield from _folder(case, folder)
    yield from _apart(case)
    for path in _files(case):
        known = path.name in KNOWN or path.name.startswith((CLIENT_SECRET, TLS_CLIENT)) or kind_of(path.name) is not None
        if not (path.name in FINDING if path.parent == case.settings.index_folder else known):
            what, fix = "it is no key that this broker uses.", "Move it elsewhere: a backup belongs on another machine."
            yield NOTICE(case.name(path), path.name, what, "Forgotten copies of keys get lost.", fix)
            continue
        yield from _readers(case, path)
        yield from _foreign(case, path)
        yield from _worn(case, path)
    yield from _verifier(case, folder)
    yield from _in_tokens(case, folder)
    if not any((folder / name).exists() for name in NODE_FILES):
        what = f"the keys of a node ({', '.join(NODE_FILES)}) are missing: the folder is from before there were nodes."
        fix = "To take part between countries, take them from a new `ciconia init`."
        yield NOTICE(case.name(folder), "keys", what, "No other country can be asked.", fix)


def _files(case: Examination) -> Iterator[Path]:
    """The files of the key folders, as far as this account may look into them."""
    for folder in case.settings.key_folders:
        with suppress(OSError):  # loading names it
            yield from sorted(folder.iterdir())


def _apart(case: Examination) -> Iterator[DoctorFinding]:
    """Finds dangers to a folder of the keys that find a person. Loading has named what is in the wrong folder."""
    folder = case.settings.index_folder
    if folder is None or closed(folder) or not folder.is_dir():
        return
    yield from _folder(case, folder)
    if folder.stat().st_dev == case.settings.key_folder.stat().st_dev:
        what = "it lies on the same disk as the keys that open records."
        why = "Whoever copies the disk and the database finds a person and opens their records."
        yield case.setting(NOTICE, SETTING, what, why=why, fix="Name a folder on another disk, or of another machine.")


def why(file: str) -> str:
    """The reason why a file of the key folder matters."""
    kind = kind_of(Path(file).name)
    if kind is not None and owner(kind) is not None:
        return _WHY[SAML_ENCRYPTION]
    return _WHY.get(Path(file).name if kind is None else kind.file, _SIGNS)


def _folder(case: Examination, folder: Path) -> Iterator[DoctorFinding]:
    mode, holder, ours = folder.stat().st_mode, folder.stat().st_uid, os.geteuid()
    if holder != ours:
        what = f"it belongs to another account ({holder}) than the one that looks ({ours})."
        reason = "Its owner can put another key in place of one."
        yield ERROR(case.name(folder), "permissions", what, reason, f"As root: chown {ours} {shlex.quote(str(folder))}")
    if mode & 0o077:
        severity = ERROR if mode & 0o022 else WARNING
        what = f"others than its owner may look into it (mode {stat.S_IMODE(mode):o})."
        reason = "Whoever may write there can put another key in place of one; whoever may read sees what there is."
        yield severity(case.name(folder), "permissions", what, reason, f"chmod 700 {shlex.quote(str(folder))}")


def _readers(case: Examination, path: Path) -> Iterator[DoctorFinding]:
    named = {case.name(problem.file) for problem in case.keys_problems}
    mode = path.stat().st_mode
    # Loading has named the others
    if path.name != LOG_VKEY and mode & 0o077 and case.name(path) not in named:
        what = f"others than its owner may read it (mode {stat.S_IMODE(mode):o})."
        yield ERROR(case.name(path), path.name, what, _READ, f"chmod 600 {shlex.quote(str(path))}")


def _foreign(case: Examination, path: Path) -> Iterator[DoctorFinding]:
    """Finds lines that belong to no key: readers pass over them, and some day one does not."""
    try:
        lines = read_whole(path).decode("utf-8").splitlines()
    except (OSError, ValueError):
        return  # loading names it
    inside = False
    for number, line in enumerate(lines, 1):
        if path.suffix == ".pem" or kind_of(path.name) is LOG:
            head = number == 1 and (line == PRODUCTION_MARK or is_address(line.encode()))
            own = inside or head or line.startswith("-----BEGIN ")
            inside = own and not line.startswith(("-----END ", "#"))
        else:
            of_log = path.name == LOG_VKEY and (line.startswith(SIGNATURE_MARK) or listed_key(line) is not None)
            own = number == 1 or of_log
        if not own and line.strip():
            key = line.partition("=")[0].strip() if "=" in line else path.name
            shown = key if key.isidentifier() else path.name
            what = "this line is of no key."
            reason = "Programs differ in what they make of it: a key file holds its key and nothing else."
            yield DoctorFinding(ERROR, case.name(path), number, shown, what, reason, "Remove the line.")


def _worn(case: Examination, path: Path) -> Iterator[DoctorFinding]:
    """Finds keys that are old or short."""
    kind = kind_of(path.name)
    first = path.name if kind is None else kind.file
    if first in HEX or path.name == LOG_VKEY:
        return
    age = case.now - int(path.stat().st_mtime)
    if age > OLD:
        what = f"it is {age // YEAR} years old."
        reason = "The longer a key is used, the more there is to win by stealing it, and the likelier it was."
        fix = "Make a new one, and give it to whoever knows this broker by it, before this one is taken away."
        yield WARNING(case.name(path), path.name, what, reason, fix)
    # Loading refuses short keys of a node
    looked_at = first in (*SIGNERS, SAML_ENCRYPTION) or (kind is not None and owner(kind) is not None)
    public = _public(case, path) if looked_at else None
    if isinstance(public, RSAPublicKey) and public.key_size < RSA_BITS:
        what = f"it is an RSA key of {public.key_size} bits."
        reason = "Below 3072 bits a key does not last beyond this decade (SOG-IS agreed mechanisms; eIDAS asks for 3072)."
        yield WARNING(case.name(path), path.name, what, reason, f"Make one of {RSA_BITS} bits.")


def _in_tokens(case: Examination, folder: Path) -> Iterator[DoctorFinding]:
    """Finds keys that somebody could take out of their tokens. Loading has found each, and has seen it sign."""
    rings = case.keys.rings.values() if case.keys is not None else ()
    for each in (each for ring in rings for each in ring.scheduled):
        key = getattr(each.key, "signer", None) or getattr(each.key, "in_token", None)
        try:
            if not isinstance(key, TokenKey) or key.kept():
                continue
            what = "its token lets it be taken out (CKA_EXTRACTABLE, or not CKA_SENSITIVE)."
            fix = "Make one that stays: ciconia keys rotate KIND --token ADDRESS."
        except KeysUnavailable as error:
            what, fix = f"{error.detail}.", "docs/keys-in-an-hsm.md says how."
        yield WARNING(case.name(folder / each.file), each.file, what, "A key that can be copied is as safe as a file.", fix)


def _public(case: Examination, path: Path) -> object:
    """The public half of a key; None for a file that is no key, which loading names."""
    if case.keys is not None and path.name.startswith(tuple(name.removesuffix(".pem") for name in SIGNERS)):
        rings = (case.keys.saml, case.keys.es256, case.keys.rs256)
        for each in (each for ring in rings for each in ring.scheduled):
            if each.file == path.name:
                return each.key.public_key
    try:
        return load_pem_private_key(read_whole(path), password=None).public_key()
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _verifier(case: Examination, folder: Path) -> Iterator[DoctorFinding]:
    """Checks that `log.vkey` has the public half of each key of the log, under the name of this log."""
    if case.ledger is None or not case.knows("issuer"):
        return
    try:
        found = set(read_whole(folder / LOG_VKEY).decode("utf-8").splitlines())
    except (OSError, ValueError):
        found = set()
    names = {key.public: key.name for key in map(listed_key, found) if key is not None}
    for each in case.ledger.log.ring.scheduled:
        verifier, line = each.key.verifier, str(each.key.verifier)
        if line not in found and verifier.public in names:
            before = names[verifier.public]
            what = f"{each.file} is listed in it for the log {before}, and the issuer names {verifier.name}."
            file, fix = case.name(folder / LOG_VKEY), back(case, before)
            yield ERROR(file, LOG_VKEY, what, RENAMED, fix)
        elif line not in found:
            what = f"the public half of {each.file} under {case.ledger.origin} is missing in it."
            fix = f"Write this line into it: {line}"
            yield ERROR(case.name(folder / LOG_VKEY), LOG_VKEY, what, why(LOG_VKEY), fix)
