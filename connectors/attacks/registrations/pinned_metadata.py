"""Metadata that an operator pinned: nobody need have signed it, and it may have no end. What it says is read all the same.

A registration that pins what cannot be used does not start: its key `metadata` says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import ec

from connectors.attacks.attack_case import AttackCase, accepted, refused
from connectors.attacks.key_holders import KeyHolder, ec_holder
from connectors.attacks.metadata_text import ENCRYPTION, key_descriptors, provider
from connectors.attacks.registrations import odd_certificates as odd
from connectors.attacks.registrations.entrances import pinned_metadata, pinned_metadata_of_a_service
from connectors.attacks.registrations.public_keys import PublicKey, certificate
from connectors.attacks.xml_signer import Edit, cut, same, swap
from connectors.signatures.parse import MAX_METADATA
from connectors.wire.names import SAMLP

MARKUP = "pinned metadata: markup"
SAYS = "pinned metadata: what it says"
KEYS = "pinned metadata: keys"
VALID = "valid pinned metadata"
_END = "</md:EntityDescriptor>"
_ROLES = {"provider": "md:IDPSSODescriptor", "service": "md:SPSSODescriptor"}


def pinned_cases(
    now: int, good: Sequence[KeyHolder], weak: KeyHolder, keys: Mapping[str, PublicKey]
) -> Iterator[AttackCase]:
    """All of them. `good` are keys that may stand in it, `keys` one of each kind, by their names."""
    yield from _documents(good)
    at, issuer = pinned_metadata(), ec_holder("idp.selftest.example", now, ec.SECP256R1())
    if not isinstance(issuer.key, ec.EllipticCurvePrivateKey):
        raise TypeError("a key on a curve is none")
    for name, key in keys.items():
        holder = replace(weak, certificate=certificate(key, issuer.key, now))
        octets = provider([holder], None).encode()
        if name in ("rsa-2048", "rsa-3072", "p-256", "p-384", "p-521"):
            yield accepted(VALID, f"a key, {name}", at, octets)
        else:
            yield refused(KEYS, name, at, octets, "metadata")
    whole = certificate(keys["p-256"], issuer.key, now)
    for what, edit in odd.FAULTS.items():
        holder = replace(weak, certificate=odd.changed(whole, issuer.key, edit))
        yield refused(KEYS, what, at, provider([holder], None).encode(), "metadata")
    yield refused(KEYS, "a weak one beside a good one", at, provider([*good, weak], None).encode(), "metadata")


def _documents(good: Sequence[KeyHolder]) -> Iterator[AttackCase]:
    text = provider(good, None)
    markup: Mapping[str, Edit] = {
        "a doctype": lambda one: f"<!DOCTYPE md:EntityDescriptor>{one}",
        "a processing instruction": swap(_END, f"<?x y?>{_END}"),
        "not whole": lambda one: one[:-1],
        "too large": swap(_END, f"{' ' * MAX_METADATA}{_END}"),
    }
    said: Mapping[str, Edit] = {
        "another root": lambda one: one.replace("md:EntityDescriptor", "md:EntitiesDescriptor"),
        "no key that signs": lambda one: one.replace(' use="signing"', ' use="encryption"'),
    }
    for kind, at in (("provider", pinned_metadata()), ("service", pinned_metadata_of_a_service())):
        role = _ROLES[kind]
        split = _in_role(role, "</md:NameIDFormat>", "<!-- x -->:evil</md:NameIDFormat>")
        before = _in_role(role, "<md:NameIDFormat>", "<md:NameIDFormat><!-- x -->")
        for what, edit in {**markup, "a comment in a text": split, "a comment before a text": before}.items():
            yield refused(MARKUP, what, at, edit(text).encode(), "metadata")
        yield refused(
            MARKUP, "not utf-8", at, text.encode().replace(b"NameIDFormat>u", b"NameIDFormat>\xe4", 1), "metadata"
        )
        yield refused(MARKUP, "utf-16", at, text.encode("utf-16"), "metadata")
        twice = swap(f"</{role}>", f'</{role}><{role} protocolSupportEnumeration="{SAMLP}"/>')
        roles: Mapping[str, Edit] = {"no role": cut(f"<{role}", f"</{role}>"), "a role twice": twice}
        for what, edit in {**said, **roles}.items():
            yield refused(SAYS, what, at, edit(text).encode(), "metadata")
        valid: Mapping[str, Edit] = {
            "plain": same,
            "no use, which is both": lambda one: one.replace(' use="signing"', ""),
            "a comment between elements": swap(f"<{role}", f"<!-- of this year -->\n<{role}"),
            "a byte order mark": lambda one: f"\ufeff{one}",
            "another's key to encrypt to": _in_role(
                role, "<md:KeyDescriptor", key_descriptors(ENCRYPTION, good[0]) + "<md:KeyDescriptor"
            ),
        }
        for what, edit in valid.items():
            yield accepted(VALID, what, at, edit(text).encode())
    yield refused(
        SAYS,
        "another entity",
        pinned_metadata(),
        text.replace('entityID="https://', 'entityID="https://other.').encode(),
        "metadata",
    )


def _in_role(role: str, old: str, new: str) -> Edit:
    """Edit what stands in one role: the other one is not read."""

    def edit(text: str) -> str:
        before, opened, rest = text.partition(f"<{role}")
        if not opened:
            raise ValueError(f"no {role}")
        return before + opened + swap(old, new)(rest)

    return edit
