"""A signed Response or Assertion of the usual shape, read from its canonical octets by one regular expression.

```xml
<samlp:Response xmlns:samlp="…" [Consent] Destination="…" ID="…" InResponseTo="…" IssueInstant="…" Version="2.0">
  <saml:Issuer xmlns:saml="…">…</saml:Issuer><samlp:Status><samlp:StatusCode Value="…"></samlp:StatusCode></samlp:Status>
  <saml:Assertion xmlns:saml="…" ID="…" IssueInstant="…" Version="2.0">…one of each…</saml:Assertion></samlp:Response>
```

Canonical XML has one spelling of all things: double quotes, attributes in their order, end tags always, a namespace where
it is used first, and "<", ">" and "&" in no text. So the shape that identity providers send is a regular language. What
matches from the first octet to the last says what a parser would find in it, and nothing that the closed grammar of
`saml.py` refuses. Whatever does not match, and every text that has a reference in it, is parsed and read there, and refused
there alone.

It costs half of what parsing costs. Without this module everything is accepted and refused as with it.
"""

import re

from connectors.formats.grammar import MAX_ID, MAX_TEXT, XSI, in_utc
from connectors.formats.names import ENTITY, SAML, SAMLP, UNSPECIFIED
from connectors.formats.saml_message import (
    AssertionMessage,
    Authentication,
    Conditions,
    Confirmation,
    NameIdentifier,
    ResponseMessage,
    WireAttribute,
)
from connectors.signatures.profile import DS

_XS, _XSI = re.escape("http://www.w3.org/2001/XMLSchema"), re.escape(XSI)
_VERSION = r' Version="2\.0"'
# An attribute's value, and a text: whoever reads octets that are not canonical finds the same in these. Nothing is taken
# back (`*+`): what does not match fails at once, and costs no more than what does.
_VALUE = r'[^"&<>\t\n\r]*+'
_TEXT = r"[^&<>\r]"
# An xs:ID, and an xs:dateTime in UTC: what is before its fraction is captured
_ID = rf"[A-Za-z_][A-Za-z0-9_.-]{{0,{MAX_ID - 1}}}"
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}"
_PREFIX = "(?:[A-Za-z][A-Za-z0-9_.-]*+:)?+"
# Types of values, which some senders have in scope everywhere (InclusiveNamespaces)
_WITH_XS = f'(?: xmlns:xs="{_XS}")?+'


def _said(name: str, group: str) -> str:
    return f' {name}="(?P<{group}>{_VALUE})"'


def _stated(name: str, group: str) -> str:
    """Absent or not empty, as `grammar.stated` has it."""
    return f'(?: {name}="(?P<{group}>(?!"){_VALUE})")?+'


def _id(group: str) -> str:
    return f' ID="(?P<{group}>{_ID})"'


def _time(name: str, group: str) -> str:
    return rf' {name}="(?P<{group}>{_TIME})(?:\.[0-9]{{1,18}})?Z"'


def _maybe(name: str, group: str = "") -> str:
    return f"(?:{_said(name, group)})?+" if group else f'(?: {name}="{_VALUE}")?+'


def _text(group: str, limit: int, least: int = 0) -> str:
    return f"(?P<{group}>{_TEXT}{{{least},{limit}}}+)"


def _element(name: str, inside: str, attributes: str = "", *, prefix: str = "s") -> str:
    return f"<(?P={prefix}){name}{attributes}>{inside}</(?P={prefix}){name}>"


def _first(name: str, prefix: str, namespace: str) -> str:
    """The first element of a namespace: it has a prefix and declares it, or none and declares the default.

    A prefix of the types of values would mean those in a value's own tag.
    """
    return f"<(?P<{prefix}>(?:(?P<{prefix}n>(?!xs)[A-Za-z][A-Za-z0-9_.-]*):)?){name} {_declared(prefix, namespace)}"


def _declared(prefix: str, namespace: str) -> str:
    return f'xmlns(?({prefix}n):(?P={prefix}n))="{re.escape(namespace)}"'


_ISSUER_FORMAT = f'(?: Format="{re.escape(ENTITY)}")?+'
_SUBJECT = _element(
    "Subject",
    "(?:"
    + _element(
        "NameID",
        _text("name", MAX_TEXT),
        _maybe("Format", "name_format") + _maybe("NameQualifier", "qualifier") + _maybe("SPNameQualifier", "sp_qualifier"),
    )
    + ")?+"
    + _element(
        "SubjectConfirmation",
        _element(
            "SubjectConfirmationData",
            "",
            _maybe("Address")
            + _maybe("InResponseTo", "confirmed_request")
            + f"(?:{_time('NotBefore', 'confirmed_from')})?+"
            + f"(?:{_time('NotOnOrAfter', 'confirmed_until')})?+"
            + _maybe("Recipient", "recipient"),
        ),
        _said("Method", "method"),
    ),
)
_CONDITIONS = _element(
    "Conditions",
    _element("AudienceRestriction", _element("Audience", _text("audience", MAX_TEXT, 1))),
    f"(?:{_time('NotBefore', 'conditions_from')})?+(?:{_time('NotOnOrAfter', 'conditions_until')})?+",
)
_STATEMENT = _element(
    "AuthnStatement",
    f"(?:{_element('SubjectLocality', '', _maybe('Address') + _maybe('DNSName'))})?+"
    + _element("AuthnContext", _element("AuthnContextClassRef", _text("context", MAX_TEXT))),
    _time("AuthnInstant", "authenticated")
    + _maybe("SessionIndex")
    + f"(?:{_time('SessionNotOnOrAfter', 'session_until')})?+",
)
_TYPE = f'(?:{_WITH_XS} xmlns:xsi="{_XSI}" xsi:type="{_VALUE}")?+'
_ATTRIBUTE = _element(
    "Attribute",
    f"(?:{_element('AttributeValue', f'{_TEXT}*+', _TYPE)})*+",
    _maybe("FriendlyName") + f' Name="{_VALUE}"' + _maybe("NameFormat"),
)
# Of an assertion that is signed itself, in a Response that is signed too. It held, and is looked at by nobody.
_SIGNATURE = _first("Signature", "d", DS) + r" ?[^<>]*+>(?:[^<]*+<(?!/(?P=d)Signature>)[^<]*+)*+</(?P=d)Signature>"
_ASSERTION_INSIDE = (
    f"{_WITH_XS}{_id('assertion_id')}{_time('IssueInstant', 'assertion_issued')}{_VERSION}>"
    + _element("Issuer", _text("assertion_issuer", MAX_ID, 1), _ISSUER_FORMAT)
    + f"(?:{_SIGNATURE})?+"
    + _SUBJECT
    + _CONDITIONS
    + _STATEMENT
)
# A message is matched in two parts: what stands before the attributes, and those with what follows
_ASSERTION_HEAD = re.compile(_first("Assertion", "s", SAML) + _ASSERTION_INSIDE)
_RESPONSE_HEAD = re.compile(
    _first("Response", "p", SAMLP)
    + _WITH_XS
    + _maybe("Consent")
    + _stated("Destination", "destination")
    + _id("response_id")
    + _stated("InResponseTo", "in_response_to")
    + f"{_time('IssueInstant', 'issued')}{_VERSION}>"
    + f"{_first('Issuer', 's', SAML)}{_ISSUER_FORMAT}>{_text('issuer', MAX_ID, 1)}</(?P=s)Issuer>"
    + _element("Status", _element("StatusCode", "", _said("Value", "status"), prefix="p"), prefix="p")
    + f"<(?P=s)Assertion {_declared('s', SAML)}{_ASSERTION_INSIDE}"
)
_ASSERTION_END = (
    f"(?:<(?P<s>{_PREFIX})AttributeStatement>(?P<attributes>(?:{_ATTRIBUTE})*+)</(?P=s)AttributeStatement>)?+"
    f"</(?P<assertion>{_PREFIX})Assertion>"
)
_RESPONSE_TAIL = re.compile(f"{_ASSERTION_END}</(?P<response>{_PREFIX})Response>")
_ASSERTION_TAIL = re.compile(_ASSERTION_END)
# Of attributes that matched: name, format, and ">" with the one value or else all values in their tags; of those the texts
_ONE = re.compile(
    r'<[^ ]++(?: FriendlyName="[^"]*+")? Name="([^"]*+)"(?: NameFormat="([^"]*+)")?+>'
    r"(?:<[^/>][^>]*+(>[^<]*+)</[^>]*+>|((?:<[^/>][^>]*+>[^<]*+</[^>]*+>)*+))</[^>]*+>"
)
_TEXTS = re.compile(r">([^<]*+)</")


def usual_response(octets: bytes) -> ResponseMessage | None:
    """The Response of canonical octets, where it is of the usual shape; None where that is not so, or is not sure."""
    text = octets.decode()
    begin = _begin_of_tail(text, 2)
    match = _RESPONSE_HEAD.fullmatch(text, 0, begin)
    tail = match and _RESPONSE_TAIL.fullmatch(text, begin)
    if not match or not tail or match["p"] != tail["response"] or not _one_prefix(match, tail):
        return None
    response_id, issued, issuer, destination, in_response_to, status = match.group(
        "response_id", "issued", "issuer", "destination", "in_response_to", "status"
    )
    try:
        return ResponseMessage(
            response_id,
            in_utc(issued),
            issuer,
            destination or "",
            in_response_to or "",
            status,
            "",
            (_assertion(match, tail),),
        )
    except ValueError:
        return None


def usual_assertion(octets: bytes) -> AssertionMessage | None:
    """The Assertion of canonical octets, as `usual_response`."""
    text = octets.decode()
    begin = _begin_of_tail(text, 1)
    match = _ASSERTION_HEAD.fullmatch(text, 0, begin)
    tail = match and _ASSERTION_TAIL.fullmatch(text, begin)
    if not match or not tail or not _one_prefix(match, tail):
        return None
    try:
        return _assertion(match, tail)
    except ValueError:
        return None


def _begin_of_tail(text: str, ends: int) -> int:
    """Where the attributes begin, or else the last end tags, so many; 0 where no statement stands right before those."""
    if not text.rsplit("</", ends)[0].endswith("Statement>"):
        return 0
    place = text.find("AttributeStatement>")
    if place >= 0:
        return text.rfind("<", 0, place)
    place = len(text)
    for _ in range(ends):
        place = text.rfind("<", 0, place)
    return place


def _one_prefix(head: re.Match[str], tail: re.Match[str]) -> bool:
    """Whether both parts have one prefix for the namespace of assertions."""
    return head["s"] == tail["assertion"] and tail["s"] in (None, head["s"])


def _assertion(match: re.Match[str], tail: re.Match[str]) -> AssertionMessage:
    """What matched. ValueError where no calendar has one of its times: the reader of all shapes will say which."""
    assertion_id, issued, issuer, context, authenticated, session_until = match.group(
        "assertion_id", "assertion_issued", "assertion_issuer", "context", "authenticated", "session_until"
    )
    name, name_format, qualifier, sp_qualifier = match.group("name", "name_format", "qualifier", "sp_qualifier")
    method, recipient, request, confirmed_from, confirmed_until = match.group(
        "method", "recipient", "confirmed_request", "confirmed_from", "confirmed_until"
    )
    conditions_from, conditions_until, audience = match.group("conditions_from", "conditions_until", "audience")
    subject = None
    if name is not None:
        name_format = UNSPECIFIED if name_format is None else name_format
        subject = NameIdentifier(name, name_format, qualifier or "", sp_qualifier or "")
    return AssertionMessage(
        assertion_id,
        in_utc(issued),
        issuer,
        subject,
        (Confirmation(method, recipient or "", request or "", _at(confirmed_from), _at(confirmed_until)),),
        Conditions(_at(conditions_from), _at(conditions_until), ((audience,),)),
        (Authentication(in_utc(authenticated), _at(session_until), context),),
        _attributes(tail["attributes"] or ""),
    )


def _attributes(text: str) -> tuple[WireAttribute, ...]:
    return tuple(
        [
            WireAttribute(name, form, (one[1:],) if one else tuple(_TEXTS.findall(several)))
            for name, form, one, several in _ONE.findall(text)
        ]
    )


def _at(text: str | None) -> int | None:
    return None if text is None else in_utc(text)
