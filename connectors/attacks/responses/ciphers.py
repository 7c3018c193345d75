"""Valid encrypted answers: every algorithm of the profiles, and each place and spelling of a key."""

from collections.abc import Iterator
from dataclasses import replace

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.responses.assertion_sealing import XENC, XENC11, RsaSealing
from connectors.attacks.responses.encryption import on_curve
from connectors.attacks.responses.encryption_forms import behind
from connectors.attacks.responses.recipes import edited, sealed, sent
from connectors.attacks.responses.settings import Makes, ResponseWorld, accepted
from connectors.attacks.xml_signer import DIGESTS, cut, in_lines, without
from connectors.profiles import AES128_GCM, AES192_GCM, AES256_GCM, KW_AES128, RSA_OAEP_MGF1P
from connectors.profiles import SHA1 as SHA1_URI

FAMILY = "valid encryption"
_SHA2 = {name: uri for uri, name in DIGESTS.items() if name in ("sha256", "sha384", "sha512")}


def valid_encryption(world: ResponseWorld) -> Iterator[AttackCase]:
    """Every encryption of the profiles, by transport and by agreement."""
    contents = {uri.rpartition("#")[2]: sealed(content=uri) for uri in (AES128_GCM, AES192_GCM, AES256_GCM)}
    yield from accepted(FAMILY, world.ciphered, contents)
    hashes = {
        f"oaep-of-{name}-and-mask-of-{mask}": sealed(digest=uri, mgf=f"{XENC11}mgf1{mask}")
        for name, uri in _SHA2.items()
        for mask in _SHA2
    }
    yield from accepted(FAMILY, (world.encrypted, world.eidas), hashes, _FORMS)
    yield from accepted(FAMILY, (world.encrypted, world.both_encrypted), _FIRST_EDITION)
    keys: Makes = {
        "newer-key-of-ours": sent(encryption=RsaSealing(world.keys.ours)),
        "older-key-of-ours": sent(encryption=RsaSealing(world.keys.ours_older)),
    }
    yield from accepted(FAMILY, (world.encrypted,), keys, entrance=world.entrances["two keys"])
    # Where we have a key to decrypt with, nobody need encrypt
    clear = {"in-the-clear-all-the-same": sent()}
    yield from accepted(FAMILY, world.plain, clear, entrance=world.entrances["encrypted"])
    for name in world.keys.ours_on:
        on = on_curve(world, name)
        signed = replace(on, where=f"eidas-both/{name}", at_assertion=True)
        yield from accepted(FAMILY, (on, signed), {"agreed": sent()})
        yield from accepted(FAMILY, (on,), {"agreed-with-a-key-in-der": sealed(der=True)})
    yield from accepted(FAMILY, (on_curve(world, "p-256"),), _AGREED)


def _parameters(algorithm: str, sender: str, recipient: str) -> dict[str, str]:
    return {"AlgorithmID": algorithm, "PartyUInfo": sender, "PartyVInfo": recipient}


def _without_ids(text: str) -> str:
    head, begin, tail = text.partition(' Id="')
    return head + _without_ids(tail.partition('"')[2]) if begin else text


def _in_lines(text: str) -> str:
    """CipherValues in lines, as encrypters wrap them."""
    begin = "<xenc:CipherValue>"
    first, *others = text.split(begin)
    wrapped = [in_lines(76)(value) + sign + rest for value, sign, rest in (other.partition("<") for other in others)]
    return begin.join([first, *wrapped])


_HASH, _MASK = f'<ds:DigestMethod Algorithm="{XENC}sha256"/>', f'<xenc11:MGF Algorithm="{XENC11}mgf1sha256"/>'
_CONTENT = f'<xenc:EncryptionMethod Algorithm="{AES256_GCM}"/>'
_HASHED = f"{_CONTENT[:-2]}>{_HASH}</xenc:EncryptionMethod>"
_FORMS: Makes = {
    "hash-of-the-content-method": edited(lambda text: text.replace(_CONTENT, _HASHED)),
    "without-a-hint": edited(cut("<ds:KeyInfo><ds:X509Data>", "</ds:X509Data></ds:KeyInfo>")),
    "key-behind-the-data": behind(),
    "key-behind-the-data-with-its-list": behind("#{data}"),
    "without-identifiers": edited(_without_ids),
    "values-in-lines": edited(_in_lines),
    "white-space-between-elements": edited(lambda text: text.replace("><", ">\n  <")),
    "mask-before-hash": edited(lambda text: text.replace(_HASH + _MASK, _MASK + _HASH)),
}
# Deployed identity providers send SHA-1 inside of OAEP, where it is no weakness
_FIRST_EDITION: Makes = {
    "oaep-of-the-first-edition-with-sha256": sealed(transport=RSA_OAEP_MGF1P, mgf=None),
    "oaep-of-the-first-edition-with-sha1": sealed(transport=RSA_OAEP_MGF1P, digest=SHA1_URI, mgf=None),
    "oaep-that-says-nothing": sealed(digest=None, mgf=None),
    "oaep-with-a-mask-of-sha1": sealed(mgf=f"{XENC11}mgf1sha1"),
}
_AGREED: Makes = {
    "agreed-and-wrapped-by-aes-128": sealed(wrap=KW_AES128),
    "agreed-and-derived-without-parameters": sealed(parameters={}, other_info=b""),
    "agreed-and-derived-with-names-of-parties": sealed(parameters=_parameters("00ab12", "0045450a", "004E4C")),
    "agreed-for-aes-128": sealed(content=AES128_GCM),
    "agreed-without-a-recipient": edited(without("xenc:RecipientKeyInfo")),
    **{f"agreed-and-derived-by-{name}": sealed(digest=uri) for name, uri in _SHA2.items()},
}
