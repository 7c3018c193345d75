"""Valid encrypted answers: every algorithm of the profiles, and each place and spelling of a key."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from connectors.profiles import AES128_GCM, AES192_GCM, AES256_GCM, KW_AES128, RSA_OAEP_MGF1P
from connectors.profiles import SHA1 as SHA1_URI
from idp.selftest.case import Case
from idp.selftest.responses.agreeing import Agreeing
from idp.selftest.responses.agreements import on_curve
from idp.selftest.responses.encrypting import XENC, XENC11, Encryption, Sealing
from idp.selftest.responses.making import Make, Setting, World, accepted
from idp.selftest.responses.sealed_forms import behind, edited, part, sealed_so
from idp.selftest.responses.signing import DIGESTS

FAMILY = "valid encryption"
_SHA2 = {name: uri for uri, name in DIGESTS.items() if name in ("sha256", "sha384", "sha512")}


def valid_encryption(world: World) -> Iterator[Case]:
    """Every encryption of the profiles, by transport and by agreement."""
    settings = (world.encrypted, world.eidas)
    for content in (AES128_GCM, AES192_GCM, AES256_GCM):
        yield from accepted(FAMILY, world.ciphered, (content.rpartition("#")[2], _content(content)))
    for name, uri in _SHA2.items():
        for mask in _SHA2:
            yield from accepted(FAMILY, settings, (f"oaep-of-{name}-and-mask-of-{mask}", _oaep(uri, mask)))
    yield from accepted(FAMILY, settings, *_FORMS)
    yield from accepted(FAMILY, (world.encrypted, world.both_encrypted), *_FIRST_EDITION)
    made = (("newer-key-of-ours", world.keys.ours), ("older-key-of-ours", world.keys.ours_older))
    for what, holder in made:
        yield from accepted(FAMILY, settings[:1], (what, _by(Encryption(holder))), entrance=world.entrances.two_keys)
    # Where we have a key to decrypt with, nobody need encrypt
    clear: tuple[str, Make] = ("in-the-clear-all-the-same", lambda setting: setting.sent())
    yield from accepted(FAMILY, world.plain, clear, entrance=world.entrances.encrypted)
    yield from _agreements(world)


def _agreements(world: World) -> Iterator[Case]:
    for name, holder in world.keys.ours_on.items():
        on = on_curve(world, name)
        signed = replace(on, where=f"eidas-both/{name}", at_assertion=True)
        yield from accepted(FAMILY, (on, signed), ("agreed", lambda setting: setting.sent()))
        yield from accepted(FAMILY, (on,), ("agreed-with-a-key-in-der", _by(Agreeing(holder, der=True))))
    good = Agreeing(world.keys.ours_on["p-256"])
    ways: dict[str, Agreeing] = {
        "agreed-and-wrapped-by-aes-128": replace(good, wrap=KW_AES128),
        "agreed-and-derived-without-parameters": replace(good, parameters={}, other_info=b""),
        "agreed-and-derived-with-parameters-of-no-octets": replace(
            good, parameters={"AlgorithmID": "00", "PartyUInfo": "00", "PartyVInfo": "00"}
        ),
        "agreed-and-derived-with-names-of-parties": replace(
            good, parameters={"AlgorithmID": "00ab12", "PartyUInfo": "0045450a", "PartyVInfo": "004E4C"}
        ),
        "agreed-for-aes-128": replace(good, content=AES128_GCM),
        "agreed-for-aes-192": replace(good, content=AES192_GCM),
        "agreed-without-a-recipient": replace(good, edit=_without_recipient),
    }
    ways |= {f"agreed-and-derived-by-{name}": replace(good, digest=uri) for name, uri in _SHA2.items()}
    for what, agreeing in ways.items():
        yield from accepted(FAMILY, (on_curve(world, "p-256"),), (what, _by(agreeing)))


def _by(sealing: Sealing) -> Callable[[Setting], bytes]:
    return lambda setting: setting.sent(encryption=sealing)


def _content(uri: str) -> Callable[[Setting], bytes]:
    return sealed_so(lambda made: replace(made, content=uri))


def _oaep(digest: str, mask: str) -> Callable[[Setting], bytes]:
    return sealed_so(lambda made: replace(made, digest=digest, mgf=f"{XENC11}mgf1{mask}"))


def _without_recipient(text: str) -> str:
    return text.replace(part("xenc:RecipientKeyInfo")(text), "")


def _without_hint(text: str) -> str:
    begin = text.index("<ds:KeyInfo><ds:X509Data>")
    end = "</ds:X509Data></ds:KeyInfo>"
    return text[:begin] + text[text.index(end) + len(end) :]


def _without_ids(text: str) -> str:
    head, begin, tail = text.partition(' Id="')
    while begin:
        text = head + tail.partition('"')[2]
        head, begin, tail = text.partition(' Id="')
    return text


def _in_lines(text: str) -> str:
    """CipherValues in lines, as encrypters wrap them."""
    begin = "<xenc:CipherValue>"
    first, *others = text.split(begin)
    wrapped = []
    for each in others:
        value, _, rest = each.partition("<")
        lines = "\n".join(value[at : at + 76] for at in range(0, len(value), 76))
        wrapped.append(f"\n{lines}\n<{rest}")
    return begin.join([first, *wrapped])


def _turned(text: str) -> str:
    digest = f'<ds:DigestMethod Algorithm="{XENC}sha256"/>'
    mask = f'<xenc11:MGF Algorithm="{XENC11}mgf1sha256"/>'
    return text.replace(digest + mask, mask + digest)


_CONTENT = f'<xenc:EncryptionMethod Algorithm="{AES256_GCM}"/>'
_HASHED = f'{_CONTENT[:-2]}><ds:DigestMethod Algorithm="{XENC}sha256"/></xenc:EncryptionMethod>'
_FORMS: tuple[tuple[str, Make], ...] = (
    ("without-a-hint", edited(_without_hint)),
    ("key-behind-the-data", edited(behind())),
    ("key-behind-the-data-with-its-list", edited(behind("#{data}"))),
    ("without-identifiers", edited(_without_ids)),
    ("values-in-lines", edited(_in_lines)),
    ("white-space-between-elements", edited(lambda text: text.replace("><", ">\n  <"))),
    (
        "recipient-of-the-key",
        edited(lambda text: text.replace("<xenc:EncryptedKey ", '<xenc:EncryptedKey Recipient="us" ')),
    ),
    ("mask-before-hash", edited(_turned)),
    ("hash-of-the-content-method", edited(lambda text: text.replace(_CONTENT, _HASHED))),
)


# Deployed identity providers send SHA-1 inside of OAEP, where it is no weakness
_FIRST_EDITION: tuple[tuple[str, Make], ...] = (
    (
        "oaep-of-the-first-edition-with-sha256",
        sealed_so(lambda made: replace(made, transport=RSA_OAEP_MGF1P, mgf=None)),
    ),
    (
        "oaep-of-the-first-edition-with-sha1",
        sealed_so(lambda made: replace(made, transport=RSA_OAEP_MGF1P, digest=SHA1_URI, mgf=None)),
    ),
    (
        "oaep-of-the-first-edition-that-says-no-hash",
        sealed_so(lambda made: replace(made, transport=RSA_OAEP_MGF1P, digest=None, mgf=None)),
    ),
    ("oaep-that-says-nothing", sealed_so(lambda made: replace(made, digest=None, mgf=None))),
    ("oaep-with-a-mask-of-sha1", sealed_so(lambda made: replace(made, mgf=f"{XENC11}mgf1sha1"))),
)
