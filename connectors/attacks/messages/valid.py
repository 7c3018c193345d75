"""Requests and logout that must be accepted: what standards leave open and honest senders do."""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.messages.drafts import MessageBench, MessageDraft
from connectors.attacks.messages.parties import ARTIFACT_ACS, LOA, NODE_ACS, SECOND_ACS, MessageBenches
from connectors.attacks.xml_signer import ECDSA_SHA256, MORE, NEWER, Signing, in_lines, value
from connectors.formats.grammar import written
from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.algorithms import RSA_SHA256
from connectors.wire.names import ARTIFACT, ENTITY, MD, PERSISTENT, POST, REQ_ATTR, TRANSIENT

REQUESTS, LOGOUT = "valid authentication requests", "valid logout"
_SHA512 = "http://www.w3.org/2001/04/xmlenc#sha512"
Variants = Mapping[str, MessageDraft]


def valid_messages(benches: MessageBenches) -> Iterator[AttackCase]:
    """All kinds."""
    for bench in benches.each:
        family = LOGOUT if "logout" in bench.where else REQUESTS
        yield from _spelled(bench, family)
        yield from _signed(bench, family)
    tables: tuple[tuple[MessageBench, str, Variants], ...] = (
        (benches.authn, REQUESTS, _authn(benches.authn)),
        (benches.node, REQUESTS, _node(benches.node)),
        (benches.logout_request, LOGOUT, _logout_requests(benches.logout_request)),
        (benches.logout_response, LOGOUT, _logout_responses(benches.logout_response.draft)),
    )
    untyped = benches.typed_node.draft().swapped("<eidas:SPType>public</eidas:SPType>", "")
    yield benches.typed_node.accepted(REQUESTS, "its type in the metadata", benches.typed_node.signed(untyped))
    for bench, family, variants in tables:
        yield from bench.all_accepted(family, {what: bench.signed(message) for what, message in variants.items()})


def _spelled(bench: MessageBench, family: str) -> Iterator[AttackCase]:
    """The same message in other octets."""
    text = base64.b64encode(bench.signed())
    lines = in_lines(76, "\r\n")(text.decode()).strip().encode()
    yield bench.accepted(family, "plain", bench.signed())
    yield bench.accepted(family, "as a parameter", text)
    yield bench.accepted(family, "as a parameter in lines", lines)
    declared = b'<?xml version="1.0" encoding="UTF-8"?>\n' + bench.signed() + b"\n"
    yield bench.accepted(family, "with a declaration", declared)
    quoted = bench.signed().replace(b'Version="2.0"', b"Version='2.0'").replace(b"Issuer>https", b"Issuer>&#104;ttps")
    yield bench.accepted(family, "in other quotes and references", quoted)
    airy = bench.draft()
    airy = replace(airy, children="\n  " + airy.children.replace("><", ">\n  <") + "\n")
    yield bench.accepted(family, "in several lines", bench.signed(airy))
    renamed = bench.draft()
    for old, new in (("samlp:", "p:"), ("saml:", "a:")):
        renamed = replace(
            renamed,
            issuer=renamed.issuer.replace(old, new),
            children=renamed.children.replace(f"<{old}", f"<{new}").replace(f"</{old}", f"</{new}"),
        )
    spelled = renamed.namespaces.replace(":samlp=", ":p=").replace(":saml=", ":a=") + " " + renamed.namespaces
    yield bench.accepted(family, "under other prefixes", bench.signed(replace(renamed, namespaces=spelled)))
    turned = bench.draft()
    turned = replace(turned, attributes=dict(reversed(list(turned.attributes.items()))))
    yield bench.accepted(family, "attributes in another order", bench.signed(turned))
    formatted = bench.draft()
    issuer = formatted.issuer.replace("<saml:Issuer", f'<saml:Issuer Format="{ENTITY}"')
    yield bench.accepted(family, "an issuer with its format", bench.signed(replace(formatted, issuer=issuer)))


def _signed(bench: MessageBench, family: str) -> Iterator[AttackCase]:
    """By each key and algorithm of the profile, with and without hints."""
    pkcs1 = bench.how.method == RSA_SHA256
    longer = f"{MORE}rsa-sha512" if pkcs1 else f"{NEWER}sha512-rsa-MGF1"
    middle = f"{MORE}rsa-sha384" if pkcs1 else f"{NEWER}sha384-rsa-MGF1"
    certificate = base64.b64encode(bench.holder.certificate).decode()
    data = f"<ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data>"
    hows = {
        "sha-384": replace(bench.how, method=middle, digest=f"{MORE}sha384"),
        "sha-512": replace(bench.how, method=longer, digest=_SHA512),
        "the next key of a rollover": Signing(method=ECDSA_SHA256, holder=bench.following),
        "key info": replace(bench.how, key_info=f"<ds:KeyInfo><ds:KeyName>us</ds:KeyName>{data}</ds:KeyInfo>"),
        "inclusive namespaces": replace(bench.how, inclusive="saml samlp"),
        "a signature without prefix": replace(bench.how, prefix=""),
        "a signature value in lines": replace(bench.how, finished=value("ds:SignatureValue", in_lines(76))),
    }
    yield from bench.all_accepted(family, {what: bench.signed(how=how) for what, how in hows.items()})


def _times(make: Callable[[], MessageDraft], now: int, skew: int, age: int) -> Variants:
    return {
        "as old as may be": make().said(IssueInstant=written(now - age - skew)),
        "of a clock that is ahead": make().said(IssueInstant=written(now + skew)),
        "a time with its fraction": make().said(IssueInstant=written(now).replace("Z", ".123456789Z")),
    }


def _authn(bench: MessageBench) -> Variants:
    make = bench.draft
    plain = {"AssertionConsumerServiceURL": None, "ProtocolBinding": None}
    policy = f' Format="{PERSISTENT}"'
    exact = make().swapped(' Comparison="minimum"', "")
    end = "</samlp:RequestedAuthnContext>"
    listed = '<samlp:IDPList><samlp:IDPEntry ProviderID="https://ee.selftest.example"/></samlp:IDPList>'
    asked = f'<r:RequestedAttributes xmlns:r="{REQ_ATTR}"><m:RequestedAttribute xmlns:m="{MD}" Name="urn:oid:2.5.4.4"/>'
    extended = (
        f"<samlp:Extensions>{asked}</r:RequestedAttributes><x:y xmlns:x='urn:x'/></samlp:Extensions><samlp:NameIDPolicy"
    )
    return {
        "who may sign in": make().swapped(end, f'{end}<samlp:Scoping ProxyCount="2">{listed}</samlp:Scoping>'),
        "attributes of its own, and an extension of somebody": make().swapped("<samlp:NameIDPolicy", extended),
        "a level at most": make().swapped("minimum", "maximum"),
        "a level above": make().swapped("minimum", "better"),
        **_times(make, bench.now, SAML2INT.skew, SAML2INT.max_age),
        "no address": make().said(**plain),
        "the second address": make().said(AssertionConsumerServiceURL=SECOND_ACS),
        "an address for artifacts": make().said(ProtocolBinding=ARTIFACT, AssertionConsumerServiceURL=ARTIFACT_ACS),
        "the index of artifacts": make().said(**plain, AssertionConsumerServiceIndex="2"),
        "the second index": make().said(**plain, AssertionConsumerServiceIndex="1"),
        "no binding": make().said(ProtocolBinding=None),
        "passive": make().said(IsPassive="1", ForceAuthn="0"),
        "a consent": make().said(Consent="urn:oasis:names:tc:SAML:2.0:consent:unspecified"),
        "an index of attributes": make().said(AttributeConsumingServiceIndex="0"),
        "a provider": make().said(ProviderName="Ratskeller & Bürgeramt Σ"),
        "no format": make().swapped(policy, ""),
        "nothing but the question": replace(make(), children=""),
        "levels exactly": exact,
    }


def _node(bench: MessageBench) -> Variants:
    make = bench.draft
    levels = "".join(
        f"<saml:AuthnContextClassRef>{LOA}{name}</saml:AuthnContextClassRef>" for name in ("substantial", "high")
    )
    ref = f"<saml:AuthnContextClassRef>{LOA}substantial</saml:AuthnContextClassRef>"
    others = "<saml:AuthnContextClassRef>urn:selftest:scheme</saml:AuthnContextClassRef>"
    end = "</eidas:RequestedAttributes>"
    gender = (
        '<eidas:RequestedAttribute Name="http://eidas.europa.eu/attributes/naturalperson/Gender"'
        ' NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri"/>'
    )
    scoping = "<samlp:Scoping><samlp:RequesterID>https://city.selftest.example</samlp:RequesterID></samlp:Scoping>"
    context_end = "</samlp:RequestedAuthnContext>"
    exact = make().swapped('Comparison="minimum"', 'Comparison="exact"')
    return {
        **_times(make, bench.now, EIDAS.skew, EIDAS.max_age),
        "its address": make().said(AssertionConsumerServiceURL=NODE_ACS, ProtocolBinding=POST),
        "a private service": make().swapped(">public<", ">private<"),
        "a transient name id": make().swapped(PERSISTENT, TRANSIENT),
        "no policy": make().swapped(f'<samlp:NameIDPolicy AllowCreate="true" Format="{PERSISTENT}"/>', ""),
        "an optional attribute, that does not say so": make().swapped(end, gender + end),
        "an optional attribute of nobody": make().swapped(end, gender.replace("Gender", "ShoeSize") + end),
        "who asks": make().swapped(context_end, context_end + scoping),
        "exact levels with one of another scheme": exact.swapped(ref, levels + others),
        "a level of another scheme, exactly": exact.swapped(ref, others),
        "no provider": make().said(ProviderName=None),
        "a consent": make().said(Consent="urn:oasis:names:tc:SAML:2.0:consent:obtained"),
        "as the eu node writes it": _eu_node(make(), gender),
    }


def _eu_node(message: MessageDraft, attribute: str) -> MessageDraft:
    """A Connector's request with all that it writes: additional attributes of a country, and who asks."""
    end, context_end = "</eidas:RequestedAttributes>", "</samlp:RequestedAuthnContext>"
    legal = "http://eidas.europa.eu/attributes/legalperson/LegalAdditionalAttribute"
    additional = "".join(
        attribute.replace("http://eidas.europa.eu/attributes/naturalperson/Gender", name).replace(
            "/>", ' isRequired="false"/>'
        )
        for name in (legal, "http://eidas.europa.eu/attributes/naturalperson/AdditionalAttribute")
    )
    scoping = "<samlp:Scoping><samlp:RequesterID>https://city.selftest.example</samlp:RequesterID></samlp:Scoping>"
    return (
        message.said(Consent="urn:oasis:names:tc:SAML:2.0:consent:unspecified", ProtocolBinding=POST)
        .said(AssertionConsumerServiceURL=NODE_ACS)
        .swapped(end, additional + end)
        .swapped(context_end, context_end + scoping)
    )


def _logout_requests(bench: MessageBench) -> Variants:
    make, name_end = bench.draft, "</saml:NameID>"
    session = "<samlp:SessionIndex>another</samlp:SessionIndex>"
    return {
        **_times(make, bench.now, SAML2INT.skew, SAML2INT.max_age),
        "no session": replace(make(), children=make().children.partition("<samlp:SessionIndex>")[0]),
        "two sessions": make().swapped(name_end, name_end + session),
        "no reason": make().said(Reason=None),
        "just ended, by a clock that is ahead": make().said(NotOnOrAfter=written(bench.now - SAML2INT.skew + 1)),
        "a name of no format": make().swapped(f' Format="{PERSISTENT}"', ""),
        "a transient name": make().swapped(PERSISTENT, TRANSIENT),
        "a consent": make().said(Consent="urn:oasis:names:tc:SAML:2.0:consent:prior"),
    }


def _logout_responses(make: Callable[[], MessageDraft]) -> Variants:
    status = "urn:oasis:names:tc:SAML:2.0:status:"
    partial = f"><samlp:StatusCode Value='{status}PartialLogout'/></samlp:StatusCode>"
    message = "<samlp:StatusMessage>Nothing to end.</samlp:StatusMessage></samlp:Status>"
    return {
        "partly done": make().swapped("/></samlp:Status>", f"{partial}</samlp:Status>"),
        "not done": make().swapped(f"{status}Success", f"{status}Responder"),
        "with a message": make().swapped("</samlp:Status>", message),
    }
