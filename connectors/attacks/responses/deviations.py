"""Deployed nodes write it and standards forbid it: each named deviation as it is sent, and the same with one thing more.

A node's deviation is none of an identity provider's: in `saml2int` each is refused by its old check.
"""

from collections.abc import Iterator
from dataclasses import replace

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.responses.recipes import confirmed, each, said, sent
from connectors.attacks.responses.response_draft import ResponseDraft
from connectors.attacks.responses.settings import LIFE, Make, Makes, ResponseWorld, Setting, Table, accepted, refused
from connectors.formats.eidas.registry import NATURAL_PREFIX
from connectors.profiles import EIDAS
from connectors.wire.names import ENTITY, SUCCESS, UNSPECIFIED

DEVIATIONS, VALID = "deviations", "valid deviations"
_BARE = "<saml:AuthnContextDecl/>"
_MESSAGE = f"<samlp:StatusMessage>{SUCCESS}</samlp:StatusMessage>"
_CONSENT = ' Consent="urn:oasis:names:tc:SAML:2.0:consent:obtained"'
_ENTITY = f' Format="{ENTITY}"'
_QUALIFIED = f' Format="{UNSPECIFIED}" NameQualifier="http://C-PEPS.gov.xx"'


def deviations(world: ResponseWorld) -> Iterator[AttackCase]:
    """One thing more than what is tolerated, and what is tolerated where nobody has to."""
    yield from refused(DEVIATIONS, world.nodes, {"unknown_element": each(_declared, _DECLARATIONS)}, _ONE_THING_MORE)
    yield from refused(DEVIATIONS, (*world.plain, world.encrypted, world.both_encrypted), _OF_NODES_ALONE)


def valid_deviations(world: ResponseWorld) -> Iterator[AttackCase]:
    """The Commission's node and the German middleware write these, part by part and whole."""
    yield from accepted(VALID, world.nodes, _SENT)


def _declared(inside: str) -> Make:
    return said(context_inside=inside)


def _begins(seconds: int) -> Make:
    return confirmed(not_before=lambda setting, _: setting.at(seconds))


def _fraction(setting: Setting, digits: str) -> str:
    return setting.at(0).replace("Z", f".{digits}Z")


def _issued(digits: str) -> Make:
    return said(issued=lambda setting, _: _fraction(setting, digits))


_DECLARATIONS = {
    "declaration-with-a-text": "<saml:AuthnContextDecl>urn:x:high</saml:AuthnContextDecl>",
    "declaration-with-an-attribute": '<saml:AuthnContextDecl ID="_x"/>',
    "declaration-with-a-child": "<saml:AuthnContextDecl><saml:Issuer>x</saml:Issuer></saml:AuthnContextDecl>",
    "two-declarations": _BARE * 2,
    "declaration-by-reference": "<saml:AuthnContextDeclRef>urn:x:high</saml:AuthnContextDeclRef>",
}
_CHECK = "subject_confirmation_not_before"
_ONE_THING_MORE: Table = {
    _CHECK: {
        "confirmation-a-second-ahead": _begins(EIDAS.skew + 1),
        "confirmation-that-begins-at-its-end": _begins(LIFE),
        "confirmation-that-ends-before-it-begins": confirmed(
            not_before=lambda setting, _: setting.at(30), not_on_or_after=lambda setting, _: setting.at(30)
        ),
    },
    "time": {"fraction-of-19-digits": _issued("1" * 19), "fraction-without-digits": _issued("")},
    "subject_confirmation_expired": {
        "confirmation-that-begins-and-has-no-end": confirmed(
            not_before=lambda setting, _: setting.at(0), not_on_or_after=None
        )
    },
}
_OF_NODES_ALONE: Table = {
    "unknown_element": {"empty-declaration": _declared(_BARE)},
    _CHECK: {"confirmation-that-has-begun": _begins(-60), "confirmation-that-begins-now": _begins(0)},
}


def _eu_node(setting: Setting, answer: ResponseDraft) -> ResponseDraft:
    """All that the Commission's node writes, at once."""
    return replace(
        answer,
        context_inside=_BARE,
        issuer_more=_ENTITY,
        assertion_issuer_more=_ENTITY,
        status_after=_MESSAGE,
        response_more=_CONSENT,
        name_id_attributes=_QUALIFIED,
        audiences=f"{answer.audiences}<saml:OneTimeUse/>",
        confirmation=replace(answer.confirmation, more=' Address="192.0.2.1"'),
        issued=_fraction(setting, "160"),
    )


def _middleware(setting: Setting, answer: ResponseDraft) -> ResponseDraft:
    """All that the German middleware writes, at once."""
    exact = _fraction(setting, "123456789")
    return replace(
        answer,
        issued=exact,
        assertion_issued=exact,
        authenticated=exact,
        not_before=exact,
        not_on_or_after=setting.at(2 * LIFE),
        name_id_attributes=f' Format="{UNSPECIFIED}"',
        confirmation=replace(answer.confirmation, not_before=exact, not_on_or_after=setting.at(2 * LIFE)),
        attributes=tuple(_latin(attribute) for attribute in answer.attributes),
    )


def _latin(attribute: str) -> str:
    """A name that says that it is in Latin script."""
    if "CurrentFamilyName" not in attribute and "CurrentGivenName" not in attribute:
        return attribute
    return attribute.replace("<saml:AttributeValue", f'<saml:AttributeValue {NATURAL_PREFIX}:LatinScript="true"')


def _other_prefix(text: str) -> str:
    """The types of values under the prefix that the German library has for them."""
    return text.replace(f"xmlns:{NATURAL_PREFIX}=", "xmlns:eidasnp=").replace(f"{NATURAL_PREFIX}:", "eidasnp:")


_SENT: Makes = {
    "empty-declaration": _declared(_BARE),
    "confirmation-that-has-begun": _begins(-60),
    "confirmation-that-begins-now": _begins(0),
    "confirmation-within-skew": _begins(EIDAS.skew),
    "address-of-version-4": confirmed(more=' Address="192.0.2.1"'),
    "name-that-somebody-qualifies": said(name_id_attributes=_QUALIFIED),
    "nine-digits-of-a-second": _issued("123456789"),
    "the-eu-node-whole": said(_eu_node),
    "the-middleware-whole": said(_middleware),
    "prefix-of-the-middleware": sent(spelled=_other_prefix),
}
