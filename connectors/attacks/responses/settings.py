"""A setting is a way in which answers come: who says it, what is signed, and whether it is encrypted. It makes octets.

| where | profile | Signature in | encrypted |
|---|---|---|---|
| `response`, `assertion`, `both` | saml2int | the Response, the Assertion, both | no |
| `response/encrypted`, `both/encrypted` | saml2int | the Response; and in the ciphertext, too | yes |
| `response/aes-cbc`, `both/aes-cbc` | saml2int with `aes_cbc` | the Response; and in the ciphertext, too | yes |
| `eidas`, `eidas-both` | eidas | the Response; and in the ciphertext, too | yes |

An attack is written once, and told for every setting that it fits.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from lxml import etree

from connectors.attacks.attack_case import AttackCase, CaseKind, Entrance, case_name
from connectors.attacks.key_holders import KeyHolder
from connectors.attacks.metadata_text import IDP, NODE
from connectors.attacks.responses import parties
from connectors.attacks.responses.assertion_sealing import RsaSealing, Sealing
from connectors.attacks.responses.parties import make_keys
from connectors.attacks.responses.response_draft import (
    NAMESPACES,
    Confirmation,
    ResponseDraft,
    attribute,
    audience,
    clock,
    fresh,
)
from connectors.attacks.xml_signer import PARSER, Edit, OctetEdit, Signing, same, same_octets, sign
from connectors.formats.eidas.registry import NATURAL, NATURAL_PERSON, NATURAL_PREFIX
from connectors.profiles import AES128_CBC, EIDAS, SAML2INT
from connectors.signatures.algorithms import RSA_PSS_SHA256, RSA_SHA256
from connectors.signatures.parse import Element
from connectors.wire.names import PERSISTENT
from policies.assurance import LevelOfAssurance

LIFE = 300  # seconds


@dataclass(frozen=True, slots=True)
class Setting:
    """One way in which answers come. `how` is the party's honest way to sign, `key` its key, `template` its good answer."""

    where: str
    entrance: Entrance
    template: ResponseDraft
    key: KeyHolder
    how: Signing
    at_response: bool
    at_assertion: bool
    encryption: Sealing | None = None
    eidas: bool = False
    now: int = 0

    def at(self, seconds: int) -> str:
        """A time so many seconds from now."""
        return clock(self.now + seconds)

    @property
    def good(self) -> ResponseDraft:
        """A good answer, with identifiers that no other has."""
        return self.template.again()

    @property
    def skew(self) -> int:
        """How far clocks may differ, in seconds, as the profile has it."""
        return (EIDAS if self.eidas else SAML2INT).skew

    @property
    def oldest(self) -> int:
        """How old a message may be, in seconds, the skew included."""
        return (EIDAS if self.eidas else SAML2INT).max_age + self.skew

    @property
    def encryption_here(self) -> RsaSealing:
        """How this setting encrypts to an RSA key. ValueError where it does not."""
        if not isinstance(self.encryption, RsaSealing):
            raise ValueError(f"{self.where} is not encrypted so")  # noqa: TRY004 # a setting of another kind
        return self.encryption

    def sent(
        self,
        answer: ResponseDraft | None = None,
        *,
        how: Signing | None = None,
        response_how: Signing | None = None,
        encryption: Sealing | None = None,
        spelled: Edit = same,
        framed: Edit = same,
        late: OctetEdit = same_octets,
        envelope: OctetEdit = same_octets,
    ) -> bytes:
        """The octets of an answer.

        `how` makes the innermost Signature, `response_how` the Response's where there are two. Before anything is signed
        `spelled` edits the text of the assertion, `framed` that of the Response (in the clear, both are one text). `late`
        edits the assertion after everything in it is signed, `envelope` the finished octets.
        """
        answer = self.good if answer is None else answer
        outer = response_how or (self.how if self.at_assertion else how) or self.how
        sealing = encryption or self.encryption
        if sealing is None:
            octets = framed(spelled(answer.response(answer.assertion()))).encode()
            if self.at_assertion:
                octets = sign(octets, answer.assertion_id, self.key, how or self.how)
        else:
            plaintext = late(self.plaintext(answer, how, spelled))
            octets = framed(answer.response(sealing.xml(plaintext))).encode()
        if self.at_response:
            octets = sign(octets, answer.response_id, self.key, outer)
        return envelope(late(octets) if sealing is None else octets)

    def outermost(self, how: Signing, answer: ResponseDraft | None = None) -> bytes:
        """An answer whose outermost Signature is made so, and one within it honestly."""
        if self.at_response:
            return self.sent(answer, how=self.how if self.at_assertion else None, response_how=how)
        return self.sent(answer, how=how)

    def plaintext(self, answer: ResponseDraft | None = None, how: Signing | None = None, spelled: Edit = same) -> bytes:
        """The assertion of an answer by itself, signed where this setting signs it."""
        answer = self.good if answer is None else answer
        octets = spelled(answer.assertion()).encode()
        if not self.at_assertion:
            return octets
        return sign(octets, answer.assertion_id, self.key, how or self.how)

    def around(self, body: str, answer: ResponseDraft | None = None) -> bytes:
        """A Response around any body, signed by the party."""
        answer = self.good if answer is None else answer
        return sign(answer.response(body).encode(), answer.response_id, self.key, self.how)

    def unsigned(self, answer: ResponseDraft | None = None) -> bytes:
        """An answer that nobody signed, encrypted where this setting encrypts: anybody can."""
        answer = self.good if answer is None else answer
        body = answer.assertion() if self.encryption is None else self.encryption.xml(answer.assertion().encode())
        return answer.response(body).encode()

    def tree(self, answer: ResponseDraft | None = None) -> Element:
        """A good answer as a tree, to be taken apart."""
        return parsed(self.sent(answer))


Make = Callable[[Setting], bytes]
Makes = Mapping[str, Make]  # what it is, and how it is made
Table = Mapping[str, Makes]  # the check that refuses each


def refused(
    family: str, settings: Iterable[Setting], *tables: Table, entrance: Entrance | None = None
) -> Iterator[AttackCase]:
    """Each row of the tables in each setting, at its own or another entrance."""
    for check, rows in (row for table in tables for row in table.items()):
        for what, make in rows.items():
            for setting in settings:
                name, at = case_name(family, what, setting.where), entrance or setting.entrance
                yield AttackCase(name, family, CaseKind.RESPONSE, at, make(setting), check)


def accepted(
    family: str, settings: Iterable[Setting], *tables: Makes, entrance: Entrance | None = None
) -> Iterator[AttackCase]:
    """Each row of the tables in each setting: it must be accepted."""
    for what, make in (row for table in tables for row in table.items()):
        for setting in settings:
            name, at = case_name(family, what, setting.where), entrance or setting.entrance
            yield AttackCase(name, family, CaseKind.VALID, at, make(setting), None)


def parsed(octets: bytes) -> Element:
    """A tree of what the generator made itself."""
    return etree.fromstring(octets, PARSER)


class ResponseWorld:
    """Keys, entrances and settings of one run. `now` is in seconds since the epoch."""

    def __init__(self, now: int) -> None:
        self.now, self.request_id = now, fresh("q")
        keys = self.keys = make_keys(now)
        at = self.entrances = parties.entrances(keys, self.request_id)
        rsa, pss = Signing(method=RSA_SHA256), Signing(method=RSA_PSS_SHA256)
        signed = Setting(
            "response", at["saml2int"], self._citizen(), keys.idp, rsa, at_response=True, at_assertion=False, now=now
        )
        self.response = signed
        self.assertion = replace(signed, where="assertion", at_response=False, at_assertion=True)
        self.both = replace(signed, where="both", at_assertion=True)
        self.encrypted = replace(
            signed, where="response/encrypted", entrance=at["encrypted"], encryption=RsaSealing(keys.ours)
        )
        self.both_encrypted = replace(self.encrypted, where="both/encrypted", at_assertion=True)
        cbc = RsaSealing(keys.own, content=AES128_CBC)
        self.cbc = replace(signed, where="response/aes-cbc", entrance=at["aes-cbc"], encryption=cbc)
        self.both_cbc = replace(self.cbc, where="both/aes-cbc", at_assertion=True)
        node = replace(signed, where="eidas", entrance=at["eidas"], template=self._person(), key=keys.node, how=pss)
        self.eidas = replace(node, encryption=RsaSealing(keys.our_node), eidas=True)
        self.eidas_both = replace(self.eidas, where="eidas-both", at_assertion=True)
        self.plain = self.response, self.assertion, self.both
        self.ciphered = self.encrypted, self.both_encrypted, self.eidas, self.eidas_both
        self.nodes = self.eidas, self.eidas_both
        # One of each kind, where all of them would only say the same again
        self.each = self.response, self.assertion, self.encrypted, self.eidas
        self.all = (*self.plain, *self.ciphered)

    def at(self, seconds: int) -> str:
        """A time so many seconds from now."""
        return clock(self.now + seconds)

    def _citizen(self) -> ResponseDraft:
        """An identity provider's answer about somebody who does not exist."""
        return self._answer(
            issuer=IDP,
            recipient=parties.ACS,
            for_whom=parties.SP,
            declared=NAMESPACES,
            attributes=(
                attribute("urn:oid:2.5.4.4", "Õunapuu-Selftest"),
                attribute("urn:oid:2.5.4.42", "Mari &amp; Jüri"),
                attribute("urn:oid:1.3.6.1.4.1.25178.1.2.3", "18870412"),
            ),
        )

    def _person(self) -> ResponseDraft:
        """A node's answer about somebody who does not exist: the minimum data set."""
        return self._answer(
            issuer=NODE,
            recipient=parties.NODE_ACS,
            for_whom=parties.OUR_NODE,
            declared=f'{NAMESPACES} xmlns:{NATURAL_PREFIX}="{NATURAL_PERSON}"',
            attributes=(
                natural("PersonIdentifier", f"EE/NL/{fresh('selftest')}"),
                natural("CurrentFamilyName", "Maasikas-Selftest"),
                natural("CurrentGivenName", "Mari"),
                natural("DateOfBirth", "1887-04-12"),
            ),
        )

    def _answer(
        self, issuer: str, recipient: str, for_whom: str, declared: str, attributes: tuple[str, ...]
    ) -> ResponseDraft:
        return ResponseDraft(
            destination=recipient,
            in_response_to=self.request_id,
            issuer=issuer,
            issued=self.at(0),
            assertion_issuer=issuer,
            assertion_issued=self.at(0),
            name_id=fresh("selftest"),
            name_id_attributes=f' Format="{PERSISTENT}"',
            confirmation=Confirmation(recipient, self.request_id, self.at(LIFE)),
            not_before=self.at(0),
            not_on_or_after=self.at(LIFE),
            audiences=audience(for_whom),
            authenticated=self.at(0),
            context=LevelOfAssurance.HIGH.uri,
            attributes=attributes,
            declared=declared,
        )


def natural(name: str, *values: str, more: str = "") -> str:
    """An attribute of a natural person, each value of its type."""
    uri = f"{NATURAL_PERSON}/{name}"
    typed = f' xsi:type="{NATURAL_PREFIX}:{NATURAL[uri].xsi_type}"'
    return attribute(uri, *values, more=more, typed=typed)
