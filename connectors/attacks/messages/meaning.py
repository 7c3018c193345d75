"""Requests and logout that say what they may not, signed by whose they are."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.messages.drafts import MessageBench, MessageDraft
from connectors.attacks.messages.parties import (
    ACS,
    ARTIFACT_ACS,
    DESTINATIONS,
    ENCRYPTED,
    LOA,
    NODE_ACS,
    PAOS_ACS,
    MessageBenches,
)
from connectors.formats.eidas.registry import LEGAL_MINIMUM, LEGAL_PERSON, NATURAL_PERSON, REPRESENTATIVE_NATURAL_PERSON
from connectors.formats.grammar import written
from connectors.profiles import EIDAS, SAML2INT, Profile
from connectors.wire.names import (
    ARTIFACT,
    ATTRNAME_BASIC,
    ATTRNAME_URI,
    EMAIL,
    PAOS,
    PERSISTENT,
    REDIRECT,
    REQ_ATTR,
    SUCCESS,
    TRANSIENT,
)

# what -> check, the message
Table = Mapping[str, tuple[str, MessageDraft]]
Make = Callable[[], MessageDraft]
_EVIL = "https://attacker.example"
_REF = f"<saml:AuthnContextClassRef>{LOA}substantial</saml:AuthnContextClassRef>"
_CONTEXT, _MINIMUM = "</samlp:RequestedAuthnContext>", 'Comparison="minimum"'
_POLICY = f'<samlp:NameIDPolicy AllowCreate="true" Format="{PERSISTENT}"/>'
_SP_TYPE, _END = "<eidas:SPType>public</eidas:SPType>", "</samlp:Extensions>"
_TOO_MANY_CONTEXTS, _TOO_MANY_SESSIONS = 17, 65


def meaning_cases(benches: MessageBenches, others: Iterable[MessageBench]) -> Iterator[AttackCase]:
    """Each entrance with what its own kind of message may not say."""
    authn, node = benches.authn, benches.node
    for bench in (authn, node, benches.logout_request, benches.logout_response, *others):
        kind = next((kind for kind in ("logout", "artifact") if kind in bench.where), "authentication request")
        issued = {"logout": "logout_issued", "artifact-response": "response_issued"}
        check = next((found for name, found in issued.items() if name in bench.where), "request_issued")
        profile = EIDAS if "eidas" in bench.where else SAML2INT
        yield from _refused(bench, f"{kind}: sender, address and time", _envelope(bench, profile, check))
        yield from _refused(bench, f"{kind}: grammar", _grammar(bench))
    yield from _refused(authn, "authentication request: where the answer goes", _answers(authn.draft))
    yield from _refused(authn, "authentication request: what is asked", _asked(authn.draft))
    yield from _refused(node, "authentication request: where the answer goes", _node_answers(node.draft))
    yield from _refused(node, "authentication request: what is asked", _node_asked(node.draft))
    yield from _refused(node, "authentication request: attributes", _node_attributes(node.draft))
    yield from _refused(benches.logout_request, "logout: whom and until when", _logout(benches.logout_request))
    yield from _refused(benches.logout_response, "logout: answer", _answer(benches.logout_response.draft))
    both = {"a type in request and metadata": ("sp_type", benches.typed_node.draft())}
    yield from _refused(benches.typed_node, "authentication request: what is asked", both)
    for what, bench in benches.nothing.items():
        yield from _refused(bench, "message: nothing is expected", _matching_nothing(what, bench.draft()))


def _refused(bench: MessageBench, family: str, table: Table) -> Iterator[AttackCase]:
    rows = ((what, bench.signed(message), check) for what, (check, message) in table.items())
    return bench.refused_rows({family: rows})


def _matching_nothing(what: str, message: MessageDraft) -> Table:
    """Empty is refusal: a message that says nothing would match an expectation that is empty."""
    if "nobody asked" in what:
        return {what: ("in_response_to", message.said(InResponseTo=None))}
    if "nowhere" in what:
        return {what: ("destination", message.said(Destination=None))}
    return {what: ("issuer", replace(message, issuer="<saml:Issuer/>"))}


def _envelope(bench: MessageBench, profile: Profile, issued: str) -> Table:
    make, now = bench.draft, bench.now
    here = make().attributes.get("Destination", "")
    issuer = make().issuer
    age = profile.max_age + profile.skew + 1
    wrong = dict(zip(DESTINATIONS, (f"{_EVIL}/saml", f"{here}/", f"{here}.attacker.example", None, ""), strict=True))
    return {
        **{f"destination {what}": ("destination", make().said(Destination=url)) for what, url in wrong.items()},
        "another issuer": ("issuer", replace(make(), issuer=f"<saml:Issuer>{_EVIL}</saml:Issuer>")),
        "issuer of more": ("issuer", replace(make(), issuer=issuer.replace("</", ".attacker.example</"))),
        "too old": (issued, make().said(IssueInstant=written(now - age))),
        "of the future": (issued, make().said(IssueInstant=written(now + profile.skew + 1))),
    }


def _grammar(bench: MessageBench) -> Table:
    make = bench.draft
    first = make().children
    return {
        "version 1.1": ("version", make().said(Version="1.1")),
        "no version": ("missing_attribute", make().said(Version=None)),
        "no time": ("missing_attribute", make().said(IssueInstant=None)),
        "a time of no calendar": ("time", make().said(IssueInstant="2026-02-30T12:00:00Z")),
        "an id of 257 letters": ("id", make().said(ID="_" * 257)),
        "a time of a zone that is none": ("time", make().said(IssueInstant=written(bench.now).replace("Z", "+00:60"))),
        "a time of a zone too far": ("time", make().said(IssueInstant=written(bench.now).replace("Z", "+14:01"))),
        "an id that is none": ("id", make().said(ID=f"1{make().message_id}")),
        "an attribute that nobody knows": ("unknown_attribute", make().said(Evil="x")),
        "an attribute of a namespace": (
            "unknown_attribute",
            replace(make().said(**{"v:Destination": _EVIL}), namespaces=f'{make().namespaces} xmlns:v="urn:v"'),
        ),
        "an issuer with a qualifier": ("unknown_attribute", _issuer(make(), f'NameQualifier="{_EVIL}"')),
        "an issuer of another format": ("issuer_format", _issuer(make(), f'Format="{PERSISTENT}"')),
        "two issuers": ("unknown_element", replace(make(), children=f"{first}{make().issuer}")),
        "an element that nobody knows": ("unknown_element", replace(make(), children=f'{first}<x xmlns="urn:v"/>')),
        "text between elements": ("text", replace(make(), children=f"admin{first}")),
    }


def _issuer(message: MessageDraft, attribute: str) -> MessageDraft:
    return replace(message, issuer=message.issuer.replace("<saml:Issuer", f"<saml:Issuer {attribute}"))


# -- a service provider's request ------------------------------------------------------------------------------------------


def _answers(make: Make) -> Table:
    """The answer went where the request said (samlify #634)."""
    urls = {
        "of another, samlify 634": f"{_EVIL}/acs",
        "of another binding": ARTIFACT_ACS,
        "of a program": PAOS_ACS,
        "with a slash": f"{ACS}/",
        "with a path out": f"{ACS}/..;/evil",
        "that is empty": "",
    }
    plain = {"AssertionConsumerServiceURL": None, "ProtocolBinding": None}
    indexes = {"of nobody": "7", "of another binding": "3", "with zeros": "01", "of less": "-1", "of more": "65536"}
    return {
        **{f"address {what}": ("acs_url", make().said(AssertionConsumerServiceURL=url)) for what, url in urls.items()},
        **{
            f"index {what}": ("acs_index", make().said(**plain, AssertionConsumerServiceIndex=index))
            for what, index in {**indexes, "that is none": "x", "that is empty": ""}.items()
        },
        "index beside an address": ("acs_index", make().said(ProtocolBinding=None, AssertionConsumerServiceIndex="0")),
        "index beside a binding": (
            "acs_index",
            make().said(AssertionConsumerServiceURL=None, AssertionConsumerServiceIndex="0"),
        ),
        "by artifact to a place for forms": ("acs_url", make().said(ProtocolBinding=ARTIFACT)),
        "by a program": ("protocol_binding", make().said(ProtocolBinding=PAOS)),
        "by redirect": ("protocol_binding", make().said(ProtocolBinding=REDIRECT)),
        "by a binding that is empty": ("protocol_binding", make().said(ProtocolBinding="")),
    }


def _asked(make: Make) -> Table:
    formats = {"an address": EMAIL, "encrypted": ENCRYPTED, "transient, which the metadata has not": TRANSIENT}
    subject = f'<saml:Subject><saml:NameID Format="{PERSISTENT}">admin</saml:NameID></saml:Subject>'
    nobody = "<samlp:Scoping><samlp:IDPList/></samlp:Scoping>"
    unnamed = (
        f'<samlp:Extensions><r:RequestedAttributes xmlns:r="{REQ_ATTR}"><r:a/></r:RequestedAttributes></samlp:Extensions>'
    )
    many = "".join(f"<saml:AuthnContextClassRef>urn:x:{n}</saml:AuthnContextClassRef>" for n in range(_TOO_MANY_CONTEXTS))
    ref = "<saml:AuthnContextClassRef/>"
    return {
        "a subject": ("subject", make().swapped(_POLICY, subject + _POLICY)),
        "conditions": ("conditions", make().swapped(_POLICY, f"{_POLICY}<saml:Conditions/>")),
        "a list of nobody": ("idp_list", make().swapped(_CONTEXT, _CONTEXT + nobody)),
        "a count that is none": ("proxy_count", make().swapped(_CONTEXT, _CONTEXT + "<samlp:Scoping ProxyCount='-1'/>")),
        "an attribute without a name": ("requested_attribute", make().swapped(_POLICY, unnamed + _POLICY)),
        **{f"a name id, {what}": ("name_id_policy", make().swapped(PERSISTENT, uri)) for what, uri in formats.items()},
        "a name id of another": (
            "name_id_policy",
            make().swapped(_POLICY, _POLICY.replace("/>", f' SPNameQualifier="{_EVIL}"/>')),
        ),
        "a level somehow": ("authn_context_comparison", make().swapped(_MINIMUM, 'Comparison="somehow"')),
        "no level": ("authn_context_refs", make().swapped(_REF, "")),
        "a level twice": ("authn_context_refs", make().swapped(_REF, _REF * 2)),
        "seventeen levels": ("authn_context_refs", make().swapped(_REF, many)),
        "a level that is empty": ("authn_context_refs", make().swapped(_REF, ref)),
        "a declaration": (
            "authn_context_declaration",
            make().swapped(_REF, _REF.replace("AuthnContextClassRef", "AuthnContextDeclRef")),
        ),
        "attributes of nobody": ("attribute_index", make().said(AttributeConsumingServiceIndex="1")),
        "a truth that is none": ("boolean", make().said(ForceAuthn="yes")),
        **_providers(make),
    }


def _providers(make: Make) -> Table:
    return {
        "a provider of 257 letters": ("provider_name", make().said(ProviderName="p" * 257)),
        "a consent of nobody": ("consent", make().said(Consent="urn:oasis:names:tc:SAML:2.0:consent:granted")),
        "a provider with a line separator": ("provider_name", make().said(ProviderName="city\u2028evil")),
    }


# -- a node's request ------------------------------------------------------------------------------------------------------


def _node_answers(make: Make) -> Table:
    urls = {
        "of another, samlify 634": f"{_EVIL}/acs",
        "as the beginning of another": f"{NODE_ACS}.attacker.example",
        "that is empty": "",
    }
    return {
        **{f"address {what}": ("acs_url", make().said(AssertionConsumerServiceURL=url)) for what, url in urls.items()},
        "by artifact": ("protocol_binding", make().said(ProtocolBinding=ARTIFACT)),
        "by a binding that is empty": ("protocol_binding", make().said(ProtocolBinding="")),
        "an index": ("unknown_attribute", make().said(AssertionConsumerServiceIndex="0")),
    }


def _node_asked(make: Make) -> Table:
    low = _REF.replace("substantial", "low")
    spelled = {"in capitals": f"{LOA}SUBSTANTIAL"}
    subject = "<saml:Subject><saml:NameID>admin</saml:NameID></saml:Subject>"
    high, scheme = _REF.replace("substantial", "high"), _REF.replace(f"{LOA}substantial", "urn:selftest:scheme")
    exactly = make().swapped(_MINIMUM, 'Comparison="exact"')
    return {
        "without force": ("force_authn", make().said(ForceAuthn="false")),
        "without saying force": ("force_authn", make().said(ForceAuthn=None)),
        "passive": ("is_passive", make().said(IsPassive="true")),
        "without saying passive": ("is_passive", make().said(IsPassive=None)),
        "a truth that is none": ("boolean", make().said(ForceAuthn="yes")),
        "a name id, an address": ("name_id_policy", make().swapped(PERSISTENT, EMAIL)),
        "no new name id": ("name_id_policy", make().swapped('AllowCreate="true"', 'AllowCreate="false"')),
        "a level at most": ("authn_context_comparison", make().swapped(_MINIMUM, 'Comparison="maximum"')),
        "no levels at all": ("authn_context_comparison", _without_levels(make())),
        "no level": ("authn_context_refs", make().swapped(_REF, "")),
        "a level twice": ("authn_context_refs", make().swapped(_REF, _REF * 2)),
        **{
            f"a level {what}": ("authn_context_level", make().swapped(f"{LOA}substantial", uri))
            for what, uri in spelled.items()
        },
        "two levels at least": ("authn_context_minimum", make().swapped(_REF, _REF + low)),
        "a level of another scheme at least": ("authn_context_minimum", make().swapped(_REF, scheme)),
        "a level exactly": ("authn_context_exact", exactly),
        "notified levels alone, exactly": ("authn_context_exact", exactly.swapped(_REF, _REF + high)),
        "a level without those above it, exactly": ("authn_context_exact", exactly.swapped(_REF, scheme + _REF)),
        "a subject": ("unknown_element", make().swapped(_POLICY, subject + _POLICY)),
        "no sp type": ("sp_type", make().swapped(_SP_TYPE, "")),
        "an sp type of nobody": ("sp_type", make().swapped(">public<", ">government<")),
        "the type after the attributes": ("unknown_element", make().swapped(_SP_TYPE, "").swapped(_END, _SP_TYPE + _END)),
        "two sp types": ("unknown_element", make().swapped("<eidas:Req", "<eidas:SPType>private</eidas:SPType><eidas:Req")),
        "a requester of two words": ("requester_id", _scoped(make(), "two words")),
        "a requester of 1025 letters": ("requester_id", _scoped(make(), "u" * 1025)),
        **_providers(make),
    }


def _without_levels(message: MessageDraft) -> MessageDraft:
    begin = message.children.index("<samlp:RequestedAuthnContext")
    return replace(message, children=message.children[:begin])


def _scoped(message: MessageDraft, requester: str) -> MessageDraft:
    scoping = f"<samlp:Scoping><samlp:RequesterID>{requester}</samlp:RequesterID></samlp:Scoping>"
    return message.swapped(_CONTEXT, _CONTEXT + scoping)


def _node_attributes(make: Make) -> Table:
    end = "</eidas:RequestedAttributes>"

    whole = make().children.partition("<eidas:RequestedAttributes>")[2].partition(end)[0]

    def asked(name: str, required: str, name_format: str = ATTRNAME_URI) -> str:
        return f'<eidas:RequestedAttribute Name="{name}" NameFormat="{name_format}" isRequired="{required}"/>'

    def more(name: str, *, required: str = "false", name_format: str = ATTRNAME_URI) -> MessageDraft:
        return make().swapped(end, asked(name, required, name_format) + end)

    def said(attribute: str) -> MessageDraft:
        return make().swapped("<eidas:RequestedAttribute ", f"<eidas:RequestedAttribute {attribute} ")

    identifier = f"{NATURAL_PERSON}/PersonIdentifier"
    wanted = f'Name="{identifier}" NameFormat="{ATTRNAME_URI}" isRequired="'
    return {
        "an attribute twice": ("requested_twice", more(identifier, required="true")),
        "of a representative": ("representative_requested", more(f"{REPRESENTATIVE_NATURAL_PERSON}/BirthName")),
        "required, and of nobody": ("unknown_required", more("urn:selftest:secret", required="true")),
        "required, and optional": ("is_required", more(f"{NATURAL_PERSON}/Gender", required="true")),
        "optional, and required": ("is_required", make().swapped(f"{wanted}true", f"{wanted}false")),
        "without the identifier": (
            "minimum_data_set",
            make()
            .swapped(identifier, f"{LEGAL_PERSON}/LEI")
            .swapped(
                f'Name="{LEGAL_PERSON}/LEI" NameFormat="{ATTRNAME_URI}" isRequired="true"',
                f'Name="{LEGAL_PERSON}/LEI" NameFormat="{ATTRNAME_URI}" isRequired="false"',
            ),
        ),
        "of companies alone": (
            "persons",
            make().swapped(whole, "".join(asked(uri, "true") for uri in LEGAL_MINIMUM)),
        ),
        "an attribute of theirs that nobody knows": ("unknown_attribute", said('evil="x"')),
        "an attribute of theirs in the namespace": ("unknown_attribute", said('eidas:evil="x"')),
        "a name that is no uri": ("name_format", more(f"{NATURAL_PERSON}/Gender", name_format=ATTRNAME_BASIC)),
        "a truth that is none": ("boolean", more(f"{NATURAL_PERSON}/Gender", required="maybe")),
    }


# -- logout ----------------------------------------------------------------------------------------------------------------


def _logout(bench: MessageBench) -> Table:
    make, now = bench.draft, bench.now
    name_end, session = "</saml:NameID>", "<samlp:SessionIndex>"
    many = "".join(f"{session}{number}</samlp:SessionIndex>" for number in range(_TOO_MANY_SESSIONS))
    encrypted = f"<saml:EncryptedID><x/></saml:EncryptedID>{_sessions(make())}"
    return {
        "ended": ("logout_expired", make().said(NotOnOrAfter=written(now - SAML2INT.skew))),
        "ended years ago": ("logout_expired", make().said(NotOnOrAfter="2001-01-01T00:00:00Z")),
        "an end without its zone": ("time", make().said(NotOnOrAfter="2099-01-01T00:00:00")),
        "a reason that is no uri": ("logout_reason", make().said(Reason="because of x")),
        "a reason of 1025 letters": ("logout_reason", make().said(Reason="r" * 1025)),
        "a consent of nobody": ("consent", make().said(Consent="urn:selftest:granted")),
        "an encrypted name": ("encrypted_id", replace(make(), children=encrypted)),
        "a base id": ("base_id", replace(make(), children=f"<saml:BaseID/>{_sessions(make())}")),
        "no name": ("missing_element", replace(make(), children=_sessions(make()))),
        "two names": ("unknown_element", make().swapped(name_end, f"{name_end}<saml:NameID>admin</saml:NameID>")),
        "a name that is empty": ("name_id", _named(make(), "")),
        "a name of 257 letters": ("name_id", _named(make(), "n" * 257)),
        "a name with a line separator": ("name_id", _named(make(), "nobody\u2029admin")),
        "an element in the name": ("text", _named(make(), "nobody<x/>admin")),
        "an attribute of the name that nobody knows": (
            "unknown_attribute",
            make().swapped("<saml:NameID ", '<saml:NameID Evil="x" '),
        ),
        "a session twice": ("session_index", replace(make(), children=make().children + _sessions(make()) * 2)),
        "sixty-five sessions": ("session_index", make().swapped(name_end, name_end + many)),
        "a session with an attribute": ("unknown_attribute", make().swapped(session, '<samlp:SessionIndex x="y">')),
        "an element for a session": ("text", make().swapped(name_end, f"{name_end}{session}<x/></samlp:SessionIndex>")),
        "a session that is empty": ("session_index", make().swapped(name_end, f"{name_end}<samlp:SessionIndex/>")),
        "extensions": (
            "extensions",
            make().swapped("<saml:NameID ", "<samlp:Extensions><x/></samlp:Extensions><saml:NameID "),
        ),
    }


def _sessions(message: MessageDraft) -> str:
    return message.children[message.children.index("<samlp:SessionIndex>") :]


def _named(message: MessageDraft, name: str) -> MessageDraft:
    return message.swapped("nobody-of-the-selftest", name)


def _answer(make: Make) -> Table:
    detail = "<samlp:StatusDetail><x/></samlp:StatusDetail></samlp:Status>"
    deep = (
        f'Value="{SUCCESS}"><samlp:StatusCode Value="x"><samlp:StatusCode Value="y"/></samlp:StatusCode></samlp:StatusCode>'
    )
    return {
        "to another request": ("in_response_to", make().said(InResponseTo="_another")),
        "to no request": ("in_response_to", make().said(InResponseTo=None)),
        "to an empty request": ("in_response_to", make().said(InResponseTo="")),
        "no status": ("missing_element", replace(make(), children="")),
        "no status code": ("missing_element", replace(make(), children="<samlp:Status/>")),
        "two statuses": ("unknown_element", replace(make(), children=make().children * 2)),
        "a status of the second level": (
            "logout_status",
            make().swapped(SUCCESS, "urn:oasis:names:tc:SAML:2.0:status:PartialLogout"),
        ),
        "a detail beside success": ("status_detail", make().swapped("</samlp:Status>", detail)),
        "a status of three levels": ("unknown_element", make().swapped(f'Value="{SUCCESS}"/>', deep)),
        "a status without its value": ("missing_attribute", make().swapped(f' Value="{SUCCESS}"', "")),
        "a consent of nobody": ("consent", make().said(Consent="urn:selftest:granted")),
        "an assertion": ("unknown_element", make().swapped("</samlp:Status>", "</samlp:Status><saml:Assertion/>")),
    }
