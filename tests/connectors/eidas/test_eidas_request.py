"""The request between nodes: what we write is what others' schemas know, and what we read is a closed grammar."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from connectors.checks import ALL_CHECKS, EIDAS_CHECKS
from connectors.formats.eidas.registry import (
    EIDAS,
    MINIMUM,
    NAME_ID_FORMATS,
    NATURAL,
    NATURAL_PERSON,
    NOTIFIED_LEVELS,
)
from connectors.formats.eidas.request import (
    EidasRequest,
    RequestedAttribute,
    RequestHead,
    asked_attributes,
    read_request,
    read_request_head,
    request_element,
)
from connectors.wire.names import ATTRNAME_URI, ENTITY, SAML, SAMLP, TRANSIENT, UNSPECIFIED
from policies.errors import AssertionRejected
from tests.connectors.eidas import judge, made
from tests.connectors.eidas.made import (
    HIGH,
    OWN_HIGH,
    REQUEST,
    SSO,
    authn_request,
    edited,
    found,
    requested,
    signed,
    signed_text,
)

CURRENT_ADDRESS = f"{NATURAL_PERSON}/CurrentAddress"
FULL = replace(
    REQUEST,
    name_id_format=TRANSIENT,
    requester_id="https://city.example/app",
    comparison="exact",
    contexts=(OWN_HIGH, HIGH),
    attributes=asked_attributes(NATURAL),
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=40)
REQUESTS = st.builds(
    replace,
    st.just(REQUEST),
    issue_instant=st.integers(0, 4_000_000_000),
    provider_name=TEXTS,
    sp_type=st.sampled_from(["", "public", "private"]),
    requester_id=st.sampled_from(["", "https://city.example/" + "x" * 1003]),
    comparison=st.sampled_from(["exact", "minimum"]),
    contexts=st.lists(st.sampled_from([*NOTIFIED_LEVELS, OWN_HIGH]), min_size=1, unique=True).map(tuple),
    attributes=st.lists(st.sampled_from(list(NATURAL))).map(asked_attributes),
    name_id_format=st.sampled_from(["", *NAME_ID_FORMATS]),
)


def read(text: str) -> EidasRequest:
    return read_request(signed_text(text))


# -- what we write -----------------------------------------------------------------------------------------------------


@pytest.mark.spec("eidas.md §3 message")
@given(REQUESTS)
def test_what_we_ask_is_valid_to_others_schemas_and_read_again_as_it_was(request: EidasRequest) -> None:
    element = request_element(request)
    judge.assert_valid(element)
    allow = True if request.name_id_format else None
    assert read_request(signed(element)) == replace(request, allow_create=allow)
    assert request_element(request).get("ID") == request.request_id


@pytest.mark.spec("eidas.md §3 ForceAuthn")
@pytest.mark.spec("eidas.md §3 IsPassive")
@pytest.mark.spec("eidas.md §3 Destination")
@pytest.mark.spec("eidas.md §3 ProviderName")
@pytest.mark.spec("eidas.md §3 no AssertionConsumerServiceURL is sent")
def test_a_request_says_what_the_profile_asks_for_and_no_more() -> None:
    # whatever a caller sets here is not ours to send
    asked = replace(FULL, acs_url=made.ACS, protocol_binding="x", consent="x", force_authentication=False, is_passive=True)
    root = request_element(asked)
    assert dict(root.items()) == {
        "ID": "_request0001",
        "Version": "2.0",
        "IssueInstant": "2026-09-21T14:13:20Z",
        "Destination": SSO,
        "ForceAuthn": "true",
        "IsPassive": "false",
        "ProviderName": "City of Storkhaven",
    }
    assert found(root, "saml:Issuer").text == made.CONNECTOR
    assert not found(root, "saml:Issuer").items()


@pytest.mark.spec("eidas.md §3 Extensions in order")
@pytest.mark.spec("eidas.md §3 SPType")
def test_extensions_have_the_type_first_and_the_attributes_then() -> None:
    extensions = found(request_element(replace(FULL, sp_type="private")), "samlp:Extensions")
    assert [child.tag for child in extensions] == [f"{{{EIDAS}}}SPType", f"{{{EIDAS}}}RequestedAttributes"]
    assert extensions[0].text == "private"
    without = found(request_element(replace(FULL, sp_type="")), "samlp:Extensions")
    assert [child.tag for child in without] == [f"{{{EIDAS}}}RequestedAttributes"]


@pytest.mark.spec("eidas.md §3 isRequired is always said")
@pytest.mark.spec("eidas.md §3 RequestedAttribute")
def test_each_attribute_is_asked_with_its_friendly_name_and_whether_it_is_required() -> None:
    attributes = found(request_element(FULL), "samlp:Extensions/eidas:RequestedAttributes")
    assert len(attributes) == len(NATURAL)
    for element, known in zip(attributes, NATURAL.values(), strict=True):
        assert dict(element.items()) == {
            "Name": known.uri,
            "NameFormat": ATTRNAME_URI,
            "FriendlyName": known.friendly_name,
            "isRequired": "true" if known.mandatory else "false",
        }
        assert not len(element)
    # The schema of others that requires isRequired does refuse a request without it
    del attributes[0].attrib["isRequired"]
    parent = attributes.getparent()
    assert parent is not None
    assert not judge.is_valid(parent.getroottree().getroot())


@pytest.mark.spec("eidas.md §3 complete minimum data set")
def test_the_whole_minimum_data_set_is_asked_for_always() -> None:
    assert [attribute.name for attribute in asked_attributes()] == list(MINIMUM)
    assert all(attribute.required for attribute in asked_attributes())
    more = asked_attributes([CURRENT_ADDRESS, MINIMUM[3], CURRENT_ADDRESS])
    assert more == (*asked_attributes(), RequestedAttribute(CURRENT_ADDRESS, required=False))
    with pytest.raises(KeyError):
        asked_attributes(["urn:unknown"])


@pytest.mark.spec("eidas.md §3 NameIDPolicy")
def test_a_name_id_format_is_asked_only_where_one_is_given_and_may_be_new() -> None:
    assert request_element(REQUEST).find("{*}NameIDPolicy") is None
    policy = found(request_element(FULL), "samlp:NameIDPolicy")
    assert dict(policy.items()) == {"AllowCreate": "true", "Format": TRANSIENT}


@pytest.mark.spec("eidas.md §3 RequestedAuthnContext")
def test_the_levels_are_asked_in_the_order_and_comparison_given() -> None:
    context = found(request_element(FULL), "samlp:RequestedAuthnContext")
    assert context.get("Comparison") == "exact"
    assert [child.text for child in context] == [OWN_HIGH, HIGH]


@pytest.mark.spec("eidas.md §3 RequesterID")
def test_the_relying_party_is_named_only_where_it_is_given() -> None:
    assert request_element(REQUEST).find("{*}Scoping") is None
    assert found(request_element(FULL), "samlp:Scoping/samlp:RequesterID").text == "https://city.example/app"


# -- what we read ------------------------------------------------------------------------------------------------------


def test_other_prefixes_and_fractions_of_seconds_are_read_the_same() -> None:
    text = authn_request()
    judge.assert_valid(etree.fromstring(text))
    assert read(text) == replace(REQUEST, request_id="_r1", provider_name="")


@pytest.mark.spec("eidas.md §3 ForceAuthn")
@pytest.mark.spec("eidas.md §3 IsPassive")
@pytest.mark.parametrize(
    ("attributes", "force", "passive"),
    [
        ('ForceAuthn="true" IsPassive="false"', True, False),
        ('ForceAuthn="1" IsPassive="0"', True, False),
        ('ForceAuthn="false" IsPassive="true"', False, True),
        ("", False, None),
    ],
)
def test_what_is_not_said_is_not_made_up(attributes: str, *, force: bool, passive: bool | None) -> None:
    request = read(authn_request(attributes=attributes))
    assert (request.force_authentication, request.is_passive) == (force, passive)
    assert (request.destination, request.acs_url, request.protocol_binding, request.consent) == ("", "", "", "")


@pytest.mark.spec("eidas.md §3 AssertionConsumerServiceURL")
def test_addresses_binding_and_consent_are_read_to_be_judged() -> None:
    request = read(
        authn_request(
            attributes='ProtocolBinding="b" AssertionConsumerServiceURL="u" Consent="c" ProviderName="p"'
            ' Destination="d" ForceAuthn="true" IsPassive="false"'
        )
    )
    assert (request.protocol_binding, request.acs_url, request.consent) == ("b", "u", "c")
    assert (request.provider_name, request.destination) == ("p", "d")


@pytest.mark.spec("eidas.md §3 absent Comparison is exact")
def test_a_context_without_comparison_is_exact_and_no_context_is_none() -> None:
    context = (
        f"<p:RequestedAuthnContext><a:AuthnContextClassRef>{OWN_HIGH}</a:AuthnContextClassRef></p:RequestedAuthnContext>"
    )
    assert (read(authn_request(context=context)).comparison, read(authn_request(context=context)).contexts) == (
        "exact",
        (OWN_HIGH,),
    )
    assert (read(authn_request(context="")).comparison, read(authn_request(context="")).contexts) == ("", ())
    assert read(authn_request(context="<p:RequestedAuthnContext/>")).contexts == ()


@pytest.mark.spec("eidas.md §3 absent isRequired is false")
def test_an_attribute_that_does_not_say_is_not_required() -> None:
    spellings = ["", 'isRequired="false"', 'isRequired="0"', 'isRequired="true"', 'isRequired="1"']
    asked = "".join(requested(f"urn:x:{at}", spelling) for at, spelling in enumerate(spellings))
    assert [attribute.required for attribute in read(authn_request(asked=asked)).attributes] == [
        False,
        False,
        False,
        True,
        True,
    ]


@pytest.mark.spec("eidas.md §3 attributes of other namespaces")
@pytest.mark.spec("eidas.md §3 AttributeValue in a request")
def test_values_and_attributes_of_other_namespaces_pass_and_are_not_read() -> None:
    more = 'FriendlyName="anything" xmlns:o="urn:other" o:importance="high" o:Name="urn:evil"'
    inside = '<e:AttributeValue>ES/AT/1</e:AttributeValue><e:AttributeValue kind="x"><e:Deep/></e:AttributeValue>'
    text = authn_request(asked=requested(MINIMUM[0], inside=inside, more=more))
    judge.assert_valid(etree.fromstring(text))
    assert read(text).attributes == (RequestedAttribute(MINIMUM[0], required=True),)


@pytest.mark.spec("eidas.md §3 SPType")
def test_the_type_may_stand_in_the_metadata_alone() -> None:
    assert read(authn_request(sp_type="")).sp_type == ""
    assert read(authn_request(extensions="")).attributes == ()


@pytest.mark.spec("eidas.md §3 only the first RequesterID")
def test_only_the_first_requester_is_read() -> None:
    scoping = (
        '<p:Scoping ProxyCount="0"><p:RequesterID>urn:a</p:RequesterID><p:RequesterID>urn:b</p:RequesterID></p:Scoping>'
    )
    assert read(authn_request(after=scoping)).requester_id == "urn:a"
    assert read(authn_request(after="<p:Scoping/>")).requester_id == ""


@pytest.mark.spec("eidas.md §3 NameIDPolicy")
@pytest.mark.parametrize(
    ("policy", "name_id_format", "allow"),
    [
        (f'<p:NameIDPolicy AllowCreate="true" Format="{UNSPECIFIED}"/>', UNSPECIFIED, True),
        ('<p:NameIDPolicy AllowCreate="0"/>', "", False),
        ("<p:NameIDPolicy/>", "", None),
    ],
)
def test_a_name_id_policy_is_read(policy: str, name_id_format: str, *, allow: bool | None) -> None:
    request = read(authn_request(policy=policy))
    assert (request.name_id_format, request.allow_create) == (name_id_format, allow)


@pytest.mark.spec("eidas.md §3 Issuer format")
def test_an_issuer_may_say_that_it_is_an_entity() -> None:
    issuer = f'<a:Issuer Format="{ENTITY}">urn:x</a:Issuer>'
    assert read(authn_request(issuer=issuer)).issuer == "urn:x"


BROKEN = [
    ("version", authn_request(version="2.1")),
    ("time", authn_request(issued="2026-09-21T14:13:20")),
    ("missing_element", authn_request(issuer="")),
    ("issuer_format", authn_request(issuer=f'<a:Issuer Format="{UNSPECIFIED}">urn:x</a:Issuer>')),
    ("text", authn_request(issuer=f"<a:Issuer>{'x' * 257}</a:Issuer>")),
    ("unknown_attribute", authn_request(attributes='AssertionConsumerServiceIndex="0"')),
    ("boolean", authn_request(attributes='ForceAuthn="TRUE" IsPassive="false"')),
    # Extensions: the attributes first, twice, something else, a text
    (
        "unknown_element",
        authn_request(extensions="<p:Extensions><e:RequestedAttributes/><e:SPType>public</e:SPType></p:Extensions>"),
    ),
    ("unknown_element", authn_request(sp_type="<e:SPType>public</e:SPType>" * 2)),
    ("missing_attribute", authn_request(asked="<e:RequestedAttribute/>")),
    ("name_format", authn_request(asked='<e:RequestedAttribute Name="x" NameFormat="urn:basic"/>')),
    ("id", authn_request().replace('ID="_r1"', 'ID="1"')),
    ("root", authn_request().replace("p:AuthnRequest", "p:LogoutRequest")),
]


@pytest.mark.spec("eidas.md §3 closed grammar")
@pytest.mark.parametrize(("check", "text"), BROKEN, ids=[f"{at}-{check}" for at, (check, _) in enumerate(BROKEN)])
def test_what_the_grammar_does_not_have_is_refused_by_name(check: str, text: str) -> None:
    with pytest.raises(AssertionRejected) as refusal:
        read(text)
    assert refusal.value.check == check
    assert check in {*ALL_CHECKS, *EIDAS_CHECKS}
    assert "evil" not in str(refusal.value)


def test_a_malformed_request_can_still_be_answered() -> None:
    for check, text in BROKEN:
        assert read_request_head(signed_text(text)).request_id == ("" if check == "id" else "_r1")
    assert read_request_head(signed_text("<a/>")) == RequestHead("", "", None)


def test_who_sent_a_request_and_when_is_told_before_it_is_judged() -> None:
    head = read_request_head(edited(request_element(FULL), 'isRequired="true"', 'isRequired="false"'))
    assert head == RequestHead(FULL.request_id, FULL.issuer, FULL.issue_instant)
    issuer = f'<s:Issuer xmlns:s="{SAML}">a<s:b/></s:Issuer>'
    nested = f'<p:AuthnRequest xmlns:p="{SAMLP}" IssueInstant="now">{issuer}</p:AuthnRequest>'
    assert read_request_head(signed_text(nested)) == RequestHead("", "", None)
