"""C2SP signed-note and tlog-checkpoint: the known vector, our own notes, and every other spelling refused."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from idp.ledger.checkpoint import MAX_NOTE, TreeHead, VerifierKey, open_note, sign_note
from policies.errors import SignatureInvalid

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
TEXT = "This is an example message.\n"
SIGNATURE = "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
NOTE = f"{TEXT}\n— example.com/foo {SIGNATURE}\n".encode()

SIGNER = Ed25519PrivateKey.from_private_bytes(b"a made-up key of thirty-two byte")
NAME = "login.storkhaven.example/log"
KEY = VerifierKey(NAME, SIGNER.public_key().public_bytes_raw())
HEAD = TreeHead(NAME, 1042, b"\x0a" * 32)
ROOT = base64.b64encode(HEAD.root).decode()
OURS = sign_note(HEAD.text, NAME, SIGNER)


@pytest.mark.spec("consent.md §5")
def test_the_known_note_opens_under_the_known_key() -> None:
    key = VerifierKey.read(VKEY)
    assert (key.name, key.key_id.hex()) == ("example.com/foo", "530d903a")
    assert str(key) == VKEY
    assert open_note(NOTE, key) == TEXT


@pytest.mark.spec("consent.md §5")
def test_a_signature_in_a_known_note_that_was_changed_fails() -> None:
    key = VerifierKey.read(VKEY)
    for place in range(len(TEXT) - 1):
        changed = bytearray(NOTE)
        changed[place] ^= 1
        with pytest.raises(SignatureInvalid):
            open_note(bytes(changed), key)


@pytest.mark.spec("consent.md §6")
def test_a_checkpoint_has_three_lines_and_reads_back() -> None:
    assert HEAD.text == f"{NAME}\n1042\n{ROOT}\n"
    assert TreeHead.read(open_note(OURS.encode(), KEY)) == HEAD


@pytest.mark.spec("consent.md §6")
def test_a_checkpoint_in_any_other_spelling_is_refused() -> None:
    for text in [
        f"{NAME}\n01042\n{ROOT}\n",
        f"{NAME}\n+1042\n{ROOT}\n",
        f"{NAME}\n-1\n{ROOT}\n",
        f"{NAME}\n\u0661\n{ROOT}\n",
        f"{NAME}\n\n{ROOT}\n",
        f"{NAME}\n{'9' * 20}\n{ROOT}\n",
        f"{NAME}\n1042\n{ROOT[:-1]}\n",
        f"{NAME}\n1042\n{ROOT[:-2]}p=\n",
        f"{NAME}\n1042\n{base64.b64encode(bytes(31)).decode()}\n",
        f"{NAME}\n1042\n{ROOT}",
        f"{NAME}\n1042\n{ROOT}\nan extension\n",
        f"{NAME}\n1042\n{ROOT}\n\n",
        f"\n1042\n{ROOT}\n",
        f"a name\n1042\n{ROOT}\n",
        f"{NAME}\r\n1042\n{ROOT}\n",
        f"{NAME}\n1042\nnot base64é\n",
        "",
    ]:
        with pytest.raises(SignatureInvalid):
            TreeHead.read(text)


LINE = OURS.rpartition("\n\n")[2]


@pytest.mark.spec("consent.md §5")
def test_a_note_in_any_other_shape_is_refused() -> None:
    for note in [
        "",
        HEAD.text,
        HEAD.text + "\n",
        HEAD.text + LINE,
        f"\n\n{LINE}",
        OURS[:-1],
        OURS + "\n",
        OURS + LINE,  # our line twice
        OURS + "no signature line\n",
        OURS + "- other/log AAAAAAAA\n",
        OURS + "— other/log AAAA\n",  # no more than a key id
        OURS + "— other/log AAAAAAA\n",
        OURS + "— other+log AAAAAAAA\n",
        OURS + "—  AAAAAAAA\n",
        OURS + "— other/log AAAAAAAA extra\n",
        OURS.replace("— ", "—\u00a0"),
        OURS.replace("1042", "1\t042"),
        OURS.replace("1042", "1043"),
        OURS.replace("\n", "\r\n"),
        OURS + "— other/log AAAAAAAA\n" * 100,
        f"{HEAD.text}\n— other/log AAAAAAAA\n",  # only a stranger signed
    ]:
        with pytest.raises(SignatureInvalid):
            open_note(note.encode(), KEY)


@pytest.mark.spec("consent.md §5")
def test_lines_of_strangers_are_read_past() -> None:
    sixteen = "".join(f"— witness{number}.example/w AAAAAAAA\n" for number in range(16))
    assert open_note((OURS + sixteen).encode(), KEY) == HEAD.text


def test_a_note_too_long_or_not_text_is_refused_before_it_is_read() -> None:
    for note in (b"a" * (MAX_NOTE + 1), b"\xff" + OURS.encode()):
        with pytest.raises(SignatureInvalid):
            open_note(note, KEY)


def test_a_signature_by_another_key_of_the_same_name_is_no_signature() -> None:
    stranger = Ed25519PrivateKey.generate()
    with pytest.raises(SignatureInvalid):
        open_note(sign_note(HEAD.text, NAME, stranger).encode(), KEY)
    # even where it claims our key id
    forged = KEY.key_id + stranger.sign(HEAD.text.encode())
    line = f"— {NAME} {base64.b64encode(forged).decode()}\n"
    with pytest.raises(SignatureInvalid, match="does not hold"):
        open_note(f"{HEAD.text}\n{line}".encode(), KEY)
    # and of another length
    short = base64.b64encode(KEY.key_id + b"short").decode()
    with pytest.raises(SignatureInvalid, match="does not hold"):
        open_note(f"{HEAD.text}\n— {NAME} {short}\n".encode(), KEY)


@pytest.mark.spec("consent.md §5")
def test_a_key_text_in_any_other_spelling_is_refused() -> None:
    for text in [
        "",
        VKEY + "\n",
        VKEY.replace("530d903a", "530d903b"),
        VKEY.replace("530d903a", "530D903A"),
        VKEY.replace("example.com/foo", "example.com/fob"),
        VKEY.replace("example.com/foo", "example.com foo"),
        VKEY.replace("example.com/foo", ""),
        VKEY.replace("+AekyeRrm", "+BOkyeRrm"),
        VKEY[:-4],
        "example.com/foo+530d903a",
    ]:
        with pytest.raises(SignatureInvalid):
            VerifierKey.read(text)
