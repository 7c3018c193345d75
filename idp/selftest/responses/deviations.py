"""What deployed nodes write and standards forbid: each named deviation as it is sent, and the same with one thing more.

A node's deviation is none of an identity provider's: in `saml2int` each is refused by its old check.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from connectors.formats.eidas.registry import NATURAL_PREFIX
from connectors.formats.names import ENTITY, SUCCESS, UNSPECIFIED
from connectors.profiles import EIDAS
from idp.selftest.case import Case
from idp.selftest.responses.answer import Answer
from idp.selftest.responses.binding import Change, confirmed, said
from idp.selftest.responses.making import LIFE, Make, Row, Setting, World, accepted, refused

DEVIATIONS, VALID = "deviations", "valid deviations"
_BARE = "<saml:AuthnContextDecl/>"
_MESSAGE = f"<samlp:StatusMessage>{SUCCESS}</samlp:StatusMessage>"
_CONSENT = ' Consent="urn:oasis:names:tc:SAML:2.0:consent:obtained"'
_ENTITY = f' Format="{ENTITY}"'
_QUALIFIED = f' Format="{UNSPECIFIED}" NameQualifier="http://C-PEPS.gov.xx"'


def deviations(world: World) -> Iterator[Case]:
    """One thing more than what is tolerated, and what is tolerated where nobody has to."""
    nodes = (world.eidas, world.eidas_both)
    for what, inside in _DECLARATIONS.items():
        yield from refused(DEVIATIONS, nodes, (what, "unknown_element", _declared(inside)))
    yield from refused(DEVIATIONS, nodes, *_BEGINNINGS, *_FRACTIONS)
    others = (*world.plain, world.encrypted, world.both_encrypted)
    yield from refused(DEVIATIONS, others, *_OF_NODES_ALONE)


def valid_deviations(world: World) -> Iterator[Case]:
    """What the Commission's node and the German middleware write, part by part and whole."""
    nodes = (world.eidas, world.eidas_both)
    yield from accepted(VALID, nodes, *((what, said(change)) for what, change in _SENT.items()))
    yield from accepted(VALID, nodes, ("prefix-of-the-middleware", lambda setting: setting.sent(spelled=_other_prefix)))


# -- one thing more --------------------------------------------------------------------------------------------------------


def _declared(inside: str) -> Make:
    return said(lambda _, answer: replace(answer, context_inside=inside))


_DECLARATIONS = {
    "declaration-with-a-text": "<saml:AuthnContextDecl>urn:x:high</saml:AuthnContextDecl>",
    "declaration-with-a-blank": "<saml:AuthnContextDecl> </saml:AuthnContextDecl>",
    "declaration-with-an-attribute": '<saml:AuthnContextDecl ID="_x"/>',
    "declaration-with-a-type": '<saml:AuthnContextDecl xsi:type="xs:string"/>',
    "declaration-with-a-child": "<saml:AuthnContextDecl><saml:Issuer>x</saml:Issuer></saml:AuthnContextDecl>",
    "two-declarations": _BARE * 2,
    "declaration-by-reference": "<saml:AuthnContextDeclRef>urn:x:high</saml:AuthnContextDeclRef>",
    "empty-declaration-by-reference": "<saml:AuthnContextDeclRef/>",
    "declaration-of-another-namespace": '<x:AuthnContextDecl xmlns:x="urn:x"/>',
    "declaration-after-the-authority": f"<saml:AuthenticatingAuthority>urn:x</saml:AuthenticatingAuthority>{_BARE}",
}


def _begins(seconds: int) -> Make:
    return confirmed(lambda setting, confirmation: replace(confirmation, not_before=setting.at(seconds)))


_CHECK = "subject_confirmation_not_before"
_BEGINNINGS: tuple[Row, ...] = (
    ("confirmation-a-second-ahead", _CHECK, _begins(EIDAS.skew + 1)),
    ("confirmation-a-day-ahead", _CHECK, _begins(86_400)),
    ("confirmation-that-begins-at-its-end", _CHECK, _begins(LIFE)),
    (
        "confirmation-that-ends-before-it-begins",
        _CHECK,
        confirmed(
            lambda setting, confirmation: replace(confirmation, not_before=setting.at(30), not_on_or_after=setting.at(30))
        ),
    ),
    (
        "confirmation-that-begins-at-no-time",
        "time",
        confirmed(lambda _, confirmation: replace(confirmation, not_before="")),
    ),
    (
        "confirmation-that-begins-and-has-no-end",
        "subject_confirmation_expired",
        confirmed(lambda setting, confirmation: replace(confirmation, not_before=setting.at(0), not_on_or_after=None)),
    ),
)


def _fraction(setting: Setting, digits: str) -> str:
    return setting.at(0).replace("Z", f".{digits}Z")


_FRACTIONS: tuple[Row, ...] = (
    ("fraction-of-19-digits", "time", said(lambda setting, answer: replace(answer, issued=_fraction(setting, "1" * 19)))),
    ("fraction-without-digits", "time", said(lambda setting, answer: replace(answer, issued=_fraction(setting, "")))),
)
_OF_NODES_ALONE: tuple[Row, ...] = (
    ("empty-declaration", "unknown_element", _declared(_BARE)),
    ("confirmation-that-has-begun", _CHECK, _begins(-60)),
    ("confirmation-that-begins-now", _CHECK, _begins(0)),
)

# -- as it is sent ---------------------------------------------------------------------------------------------------------


def _eu_node(setting: Setting, answer: Answer) -> Answer:
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


def _middleware(setting: Setting, answer: Answer) -> Answer:
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
        attributes=tuple(_latin(each) for each in answer.attributes),
    )


def _latin(attribute: str) -> str:
    """A name that says that it is in Latin script."""
    if "CurrentFamilyName" not in attribute and "CurrentGivenName" not in attribute:
        return attribute
    return attribute.replace("<saml:AttributeValue", f'<saml:AttributeValue {NATURAL_PREFIX}:LatinScript="true"')


def _beginning(seconds: int) -> Change:
    return lambda setting, answer: replace(
        answer, confirmation=replace(answer.confirmation, not_before=setting.at(seconds))
    )


def _addressed(address: str) -> Change:
    return lambda _, answer: replace(answer, confirmation=replace(answer.confirmation, more=f' Address="{address}"'))


_SENT: Mapping[str, Change] = {
    "empty-declaration": lambda _, answer: replace(answer, context_inside=_BARE),
    "empty-declaration-with-an-end-tag": lambda _, answer: replace(
        answer, context_inside="<saml:AuthnContextDecl></saml:AuthnContextDecl>"
    ),
    "confirmation-that-has-begun": _beginning(-60),
    "confirmation-that-begins-now": _beginning(0),
    "confirmation-within-skew": _beginning(EIDAS.skew),
    "address-of-version-4": _addressed("192.0.2.1"),
    "address-of-version-6": _addressed("2001:db8::1"),
    "name-that-somebody-qualifies": lambda _, answer: replace(answer, name_id_attributes=_QUALIFIED),
    "used-once": lambda _, answer: replace(answer, audiences=f"{answer.audiences}<saml:OneTimeUse/>"),
    "message-of-a-success": lambda _, answer: replace(answer, status_after=_MESSAGE),
    "consent": lambda _, answer: replace(answer, response_more=_CONSENT),
    "issuers-with-their-format": lambda _, answer: replace(answer, issuer_more=_ENTITY, assertion_issuer_more=_ENTITY),
    "nine-digits-of-a-second": lambda setting, answer: replace(answer, issued=_fraction(setting, "123456789")),
    "the-eu-node-whole": _eu_node,
    "the-middleware-whole": _middleware,
}


def _other_prefix(text: str) -> str:
    """The types of values under the prefix that the German library has for them."""
    return text.replace(f"xmlns:{NATURAL_PREFIX}=", "xmlns:eidasnp=").replace(f"{NATURAL_PREFIX}:", "eidasnp:")
