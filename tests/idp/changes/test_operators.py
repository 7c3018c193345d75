"""Signatures over a plan: OpenSSH's own, FIDO keys by their format, and everything that is none."""

import shutil
import subprocess
from pathlib import Path

import pytest

from idp.changes.sshsig import read_private, sign, signer
from policies.load import examine
from tests.idp.changes.signing import Person, person, sshsig, string

PLAN = b'{"plan":"a"}'
ANNA, BERT = person("anna"), person("bert", application=b"ssh:")
FILES = {f"operators/{one.name}.pub": one.line.encode() for one in (ANNA, BERT)}
CONFIGURATION, PROBLEMS = examine(FILES)
OPERATORS = CONFIGURATION.operators
KEYGEN = shutil.which("ssh-keygen")


def refusal(signature: bytes, content: bytes = PLAN) -> str:
    with pytest.raises(ValueError, match=r".") as told:
        signer(OPERATORS, signature, content)
    return str(told.value)


@pytest.mark.parametrize("who", [ANNA, BERT])
@pytest.mark.parametrize("algorithm", [b"sha512", b"sha256"])
def test_each_person_is_known_by_their_key(who: Person, algorithm: bytes) -> None:
    assert not PROBLEMS
    assert signer(OPERATORS, sshsig(who, PLAN, algorithm=algorithm), PLAN) == who.name


@pytest.mark.skipif(KEYGEN is None, reason="no ssh-keygen on this machine")
def test_ssh_keygen_and_this_program_take_each_others_signatures(tmp_path: Path) -> None:
    def keygen(*words: str | Path, told: bytes = b"") -> bytes:
        return subprocess.run([str(KEYGEN), *map(str, words)], input=told, capture_output=True, check=True).stdout

    key, plan = tmp_path / "key", tmp_path / "plan.json"
    plan.write_bytes(PLAN)
    keygen("-q", "-t", "ed25519", "-N", "", "-f", key)
    configuration, problems = examine({"operators/eve.pub": key.with_suffix(".pub").read_bytes()})
    keygen("-Y", "sign", "-n", "ciconia-plan", "-f", key, plan)
    assert not problems
    assert signer(configuration.operators, (tmp_path / "plan.json.sig").read_bytes(), PLAN) == "eve"
    ours, allowed = tmp_path / "ours.sig", tmp_path / "allowed"
    ours.write_bytes(sign(read_private(key.read_bytes()), PLAN))
    allowed.write_text(f"eve {key.with_suffix('.pub').read_text()}")
    told = keygen("-Y", "verify", "-n", "ciconia-plan", "-I", "eve", "-f", allowed, "-s", ours, told=PLAN)
    assert b"Good" in told
    assert next(iter(configuration.operators)).fingerprint.encode() in told


@pytest.mark.parametrize(
    ("signature", "what"),
    [
        (sshsig(person("stranger"), PLAN), "is nobody's in operators/"),
        (sshsig(ANNA, PLAN + b" "), "does not sign this plan"),
        (sshsig(ANNA, PLAN, namespace=b"git"), "another purpose"),
        (sshsig(ANNA, PLAN, version=2), "another version"),
        (sshsig(ANNA, PLAN, magic=b"SSHSIX"), "another version"),
        (sshsig(ANNA, PLAN, reserved=b"x"), "reserved part"),
        (sshsig(ANNA, PLAN, algorithm=b"sha1"), "its hash is neither"),
        (sshsig(ANNA, PLAN, after=b"x"), "more octets"),
        (sshsig(ANNA, PLAN, inside=b"x"), "more octets"),
        (sshsig(ANNA, PLAN, kind=b"ssh-rsa"), "another kind"),
        (sshsig(BERT, PLAN, flags=4), "nobody touched the FIDO key"),
        (sshsig(BERT, PLAN, kind=b"ssh-ed25519"), "another kind"),
        (sshsig(Person("bert", BERT.key), PLAN), "is nobody's in operators/"),
        (sshsig(Person("bert", BERT.key, b"ssh:other"), PLAN), "is nobody's in operators/"),
        (sshsig(Person("bert", BERT.key, b"https://city.example"), PLAN), "its key is neither"),
        (sshsig(ANNA, PLAN)[:120], "no signature of ssh-keygen"),
        (sshsig(ANNA, PLAN) * 2, "no signature of ssh-keygen"),
        (sshsig(ANNA, PLAN).replace(b"\nU1N", b"\nU1=N"), "no base64"),
        (b"-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----", "ends too early"),
        (sshsig(ANNA, PLAN, inside=b"x" * 9000), "no signature of ssh-keygen"),
        (b"", "no signature of ssh-keygen"),
    ],
)
def test_what_nobody_here_signed_for_this_plan_is_refused(signature: bytes, what: str) -> None:
    assert what in refusal(signature)


def test_every_octet_of_a_signature_counts() -> None:
    whole = bytearray(sshsig(ANNA, PLAN))
    for place in range(30, len(whole) - 30, 3):
        changed = bytearray(whole)
        changed[place] = ord("B") if changed[place] != ord("B") else ord("C")
        refusal(bytes(changed))


def test_every_problem_of_every_file_is_told_with_its_line() -> None:
    rsa = "ssh-rsa AAAAB3NzaC1yc2E= carl"
    doubled = f"{ANNA.line.split()[0]} {string(b'x').hex()} odd"
    files = {
        "operators/anna.pub": f"# her card\n{ANNA.line}".encode(),
        "operators/bert.pub": (ANNA.line + f"{rsa}\n{doubled}\n").encode(),
        "operators/carl.pub": b"\0\xff\n",
        "operators/dora.pub": b"\n",
        "operators/a b.pub": BERT.line.encode(),
        "operators/in/eve.pub": b"no part of it",
    }
    configuration, problems = examine(files)
    assert [(one.file, one.line) for one in problems] == [
        ("operators/a b.pub", 0),
        ("operators/bert.pub", 1),
        ("operators/bert.pub", 2),
        ("operators/bert.pub", 3),
        ("operators/carl.pub", 1),
        ("operators/dora.pub", 0),
    ]
    assert "operators/anna.pub has this key already" in problems[1].what
    assert all(one.fix for one in problems)
    assert "anna" in configuration.operators.values()
