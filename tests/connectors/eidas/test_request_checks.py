"""Judging another node's request, rule by rule."""

from dataclasses import replace
from itertools import combinations

import pytest

from connectors.checks import REQUEST_CHECKS
from connectors.formats.eidas.registry import (
    INVALID_ATTRIBUTE,
    INVALID_NAME_ID_POLICY,
    LEGAL_MINIMUM,
    LEGAL_PERSON,
    MINIMUM,
    NATURAL_PERSON,
    PLAIN,
    REQUEST_DENIED,
    REQUESTER,
    SUB_STATUSES,
    VERSION_MISMATCH,
)
from connectors.formats.eidas.request import EidasRequest, RequestedAttribute, asked_attributes
from connectors.profiles import EIDAS, SAML2INT
from connectors.request_checks import MAX_REQUESTER_ID, Asking, PeerRequestRefused, check_request, receive_request
from connectors.wire.names import PERSISTENT, POST, REDIRECT, SOAP, TRANSIENT, UNSPECIFIED
from tests.connectors.eidas import made
from tests.connectors.eidas.made import ASKING, HIGH, LOW, NOW, OWN_HIGH, REQUEST, SSO, SUBSTANTIAL, natural

OWN_LOW = OWN_HIGH.replace("high", "low")
SECTOR = "urn:sector:licence"


def judged(request: EidasRequest = REQUEST, peer: Asking = ASKING, now: int = NOW, **changes: object) -> EidasRequest:
    changed = replace(request, **changes)  # type: ignore[arg-type] # each row names fields of EidasRequest
    return check_request(changed, here=SSO, peer=peer, now=now, profile=EIDAS)


def refused(check: str, peer: Asking = ASKING, now: int = NOW, **changes: object) -> PeerRequestRefused:
    with pytest.raises(PeerRequestRefused) as refusal:
        judged(replace(REQUEST, **changes), peer, now)  # type: ignore[arg-type] # as in judged
    assert refusal.value.check == check
    assert check in REQUEST_CHECKS
    assert refusal.value.saml_status == REQUESTER
    assert refusal.value.saml_sub_status in {"", *SUB_STATUSES}
    return refusal.value


def asked(*names: str, required: bool = False) -> tuple[RequestedAttribute, ...]:
    return (*asked_attributes(), *(RequestedAttribute(name, required=required) for name in names))


def test_a_request_as_we_make_it_is_accepted_as_it_is() -> None:
    assert judged() == REQUEST


# -- envelope ----------------------------------------------------------------------------------------------------------


@pytest.mark.spec("eidas.md §3 Destination")
@pytest.mark.parametrize("destination", ["", SSO + "/", SSO.upper(), "https://other.example/eidas/sso"])
def test_a_request_to_another_address_is_refused(destination: str) -> None:
    assert refused("destination", destination=destination).saml_sub_status == REQUEST_DENIED


@pytest.mark.spec("eidas.md §3 Issuer")
@pytest.mark.parametrize("issuer", ["", "https://third.example/eidas/metadata", made.CONNECTOR + " "])
def test_a_node_asks_in_its_own_name_alone(issuer: str) -> None:
    assert refused("issuer", issuer=issuer).saml_sub_status == REQUEST_DENIED


@pytest.mark.spec("eidas.md §3 IssueInstant")
def test_a_request_was_issued_within_five_minutes_and_a_minute_of_skew() -> None:
    for moment in (NOW - 60, NOW, NOW + 360):
        assert judged(now=moment) == REQUEST
    for moment in (NOW - 61, NOW + 361):
        assert refused("request_issued", now=moment).saml_sub_status == REQUEST_DENIED
    # the times are the profile's
    old = check_request(REQUEST, here=SSO, peer=ASKING, now=NOW + 480, profile=SAML2INT)
    assert old == REQUEST


@pytest.mark.spec("eidas.md §3 ProtocolBinding")
def test_the_binding_is_absent_or_one_of_three() -> None:
    for binding in ("", POST, REDIRECT, SOAP):
        assert judged(protocol_binding=binding)
    for binding in ("urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact", POST + " ", "post"):
        refused("protocol_binding", protocol_binding=binding)


@pytest.mark.spec("eidas.md §3 AssertionConsumerServiceURL")
def test_an_answer_goes_to_the_address_of_the_metadata_alone() -> None:
    assert judged(acs_url=made.ACS)
    for url in ("https://evil.example/acs", made.ACS + "/", made.ACS + "?x", "https://CONNECTOR.example/eidas/acs"):
        assert refused("acs_url", acs_url=url).saml_sub_status == REQUEST_DENIED


# -- manner ------------------------------------------------------------------------------------------------------------


@pytest.mark.spec("eidas.md §3 ForceAuthn")
def test_an_authentication_that_may_be_old_is_refused() -> None:
    refused("force_authn", force_authentication=False)


@pytest.mark.spec("eidas.md §3 IsPassive")
@pytest.mark.parametrize("passive", [True, None])
def test_a_passive_request_and_one_that_does_not_say_are_refused(*, passive: bool | None) -> None:
    refused("is_passive", is_passive=passive)


@pytest.mark.spec("eidas.md §3 Consent")
def test_a_consent_is_one_of_samls() -> None:
    prefix = "urn:oasis:names:tc:SAML:2.0:consent:"
    names = "obtained prior current-implicit current-explicit unspecified unavailable inapplicable"
    for name in names.split():
        assert judged(consent=prefix + name)
    for consent in (prefix, prefix + "given", prefix + "Obtained", "obtained"):
        refused("consent", consent=consent)


@pytest.mark.spec("eidas.md §3 ProviderName")
def test_a_provider_name_is_of_bounded_length_and_may_be_absent() -> None:
    assert judged(provider_name="").provider_name == ""
    assert judged(provider_name="Ü" * 256)
    for name in ("x" * 257, " ", "a\u0085b", "a\u2028b", "\x9f"):
        refused("provider_name", provider_name=name)


@pytest.mark.spec("eidas.md §3 NameIDPolicy")
@pytest.mark.spec("eidas.md §3 unsatisfiable NameIDPolicy")
def test_a_name_id_format_is_one_of_the_profile_and_of_the_metadata() -> None:
    assert judged(name_id_format="") == REQUEST
    assert judged(name_id_format=PERSISTENT, allow_create=True)
    unlisted = replace(ASKING, name_id_formats=frozenset({TRANSIENT}))
    assert judged(peer=unlisted, name_id_format=UNSPECIFIED)
    assert judged(peer=replace(ASKING, name_id_formats=frozenset()), name_id_format=TRANSIENT)
    entity = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
    for peer, wanted in ((ASKING, TRANSIENT), (unlisted, PERSISTENT), (ASKING, entity), (ASKING, "persistent")):
        assert refused("name_id_policy", peer=peer, name_id_format=wanted).saml_sub_status == INVALID_NAME_ID_POLICY
    listed = replace(ASKING, name_id_formats=frozenset({entity}))
    refused("name_id_policy", peer=listed, name_id_format=entity)


@pytest.mark.spec("eidas.md §3 AllowCreate")
def test_a_policy_that_forbids_a_new_identifier_is_refused() -> None:
    assert judged(name_id_format=PERSISTENT, allow_create=None)
    refusal = refused("name_id_policy", name_id_format=PERSISTENT, allow_create=False)
    assert refusal.saml_sub_status == INVALID_NAME_ID_POLICY


# -- levels ------------------------------------------------------------------------------------------------------------


@pytest.mark.spec("eidas.md §3 Comparison minimum or exact")
@pytest.mark.parametrize("comparison", ["", "better", "Minimum"])
def test_levels_are_compared_in_two_ways_alone(comparison: str) -> None:
    refused("authn_context_comparison", comparison=comparison)


@pytest.mark.spec("eidas.md §3 at least one AuthnContextClassRef")
@pytest.mark.spec("eidas.md §3 no duplicate AuthnContextClassRef")
@pytest.mark.parametrize("comparison", ["minimum", "exact"])
def test_there_is_a_level_and_each_stands_once(comparison: str) -> None:
    for contexts in ((), (HIGH, HIGH), (OWN_HIGH, OWN_HIGH), (OWN_HIGH, HIGH, OWN_HIGH)):
        refused("authn_context_refs", comparison=comparison, contexts=contexts)


@pytest.mark.spec("eidas.md §1 error under the prefix of notified levels")
@pytest.mark.parametrize("comparison", ["minimum", "exact"])
@pytest.mark.parametrize("level", ["http://eidas.europa.eu/LoA/NotNotified/low", HIGH.upper(), ""])
def test_a_level_that_is_none_is_refused(comparison: str, level: str) -> None:
    refused("authn_context_level", comparison=comparison, contexts=(level,))
    refused("authn_context_level", comparison=comparison, contexts=(OWN_HIGH, level))


@pytest.mark.spec("eidas.md §3 minimum is one notified level")
@pytest.mark.spec("eidas.md §8 2")
def test_a_minimum_is_one_notified_level() -> None:
    for level in (LOW, SUBSTANTIAL, HIGH):
        assert judged(contexts=(level,)).contexts == (level,)
    for contexts in ((OWN_HIGH,), (LOW, HIGH), (SUBSTANTIAL, HIGH), (HIGH, OWN_HIGH)):
        refused("authn_context_minimum", contexts=contexts)


@pytest.mark.spec("eidas.md §3 exact needs a non-notified level")
@pytest.mark.spec("eidas.md §8 1")
def test_exactly_notified_levels_alone_are_refused() -> None:
    for size in (1, 2, 3):
        for contexts in combinations((LOW, SUBSTANTIAL, HIGH), size):
            refused("authn_context_exact", comparison="exact", contexts=contexts)


@pytest.mark.spec("eidas.md §3 exact lists all higher notified levels")
def test_a_notified_level_comes_with_all_above_it() -> None:
    complete = {(HIGH,), (SUBSTANTIAL, HIGH), (LOW, SUBSTANTIAL, HIGH), ()}
    for size in range(4):
        for contexts in combinations((LOW, SUBSTANTIAL, HIGH), size):
            listed = (*contexts[:1], OWN_LOW, OWN_HIGH, *contexts[1:]) if size else (OWN_LOW,)
            if contexts in complete:
                assert judged(comparison="exact", contexts=listed).contexts == listed
            else:
                refused("authn_context_exact", comparison="exact", contexts=listed)


# -- for whom ----------------------------------------------------------------------------------------------------------


@pytest.mark.spec("eidas.md §3 SPType in request xor metadata")
def test_the_type_stands_in_the_request_or_in_the_metadata() -> None:
    fixed = replace(ASKING, sp_type="private")
    assert judged(peer=fixed, sp_type="").sp_type == "private"
    assert judged(sp_type="private").sp_type == "private"
    refused("sp_type", peer=fixed, sp_type="private")
    refused("sp_type", peer=fixed, sp_type="public")
    refused("sp_type", sp_type="")


@pytest.mark.spec("eidas.md §3 SPType")
@pytest.mark.parametrize("sp_type", ["Public", "public ", "both", "government"])
def test_the_type_is_public_or_private(sp_type: str) -> None:
    refused("sp_type", sp_type=sp_type)
    refused("sp_type", peer=replace(ASKING, sp_type=sp_type), sp_type="")


@pytest.mark.spec("eidas.md §3 RequesterID length")
def test_a_requester_is_a_uri_of_bounded_length() -> None:
    longest = "urn:" + "x" * (MAX_REQUESTER_ID - 4)
    assert judged(requester_id=longest).requester_id == longest
    for requester in (longest + "x", "urn:a urn:b", " ", "\n"):
        refused("requester_id", requester_id=requester)


# -- attributes --------------------------------------------------------------------------------------------------------


@pytest.mark.spec("eidas.md §3 complete minimum data set")
@pytest.mark.parametrize("missing", MINIMUM)
def test_a_request_without_the_whole_minimum_data_set_is_refused(missing: str) -> None:
    attributes = tuple(attribute for attribute in asked_attributes() if attribute.name != missing)
    assert refused("minimum_data_set", attributes=attributes).saml_sub_status == INVALID_ATTRIBUTE


BOTH = frozenset((NATURAL_PERSON, LEGAL_PERSON))
COMPANY = asked_attributes((f"{LEGAL_PERSON}/LEI",), sets=(LEGAL_PERSON,))


@pytest.mark.spec("eidas.md §3 natural and legal persons")
def test_a_request_has_the_sets_that_the_node_is_registered_for() -> None:
    for taken, left in (
        (frozenset((NATURAL_PERSON,)), asked_attributes()),
        (frozenset((LEGAL_PERSON,)), COMPANY),
        (BOTH, (*COMPANY, *asked_attributes())),
    ):
        assert judged(peer=replace(ASKING, sets=taken), attributes=(*COMPANY, *asked_attributes())).attributes == left
    assert judged(peer=replace(ASKING, sets=BOTH), attributes=COMPANY).attributes == COMPANY
    assert refused("persons", attributes=COMPANY).saml_sub_status == INVALID_ATTRIBUTE
    refused("persons", replace(ASKING, sets=frozenset((LEGAL_PERSON,))))


@pytest.mark.spec("eidas.md §3 complete minimum data set")
def test_no_set_is_asked_for_in_part() -> None:
    for attributes in (COMPANY[1:], (*asked_attributes(), COMPANY[2]), (), (RequestedAttribute(SECTOR, required=False),)):
        refused("minimum_data_set", replace(ASKING, sets=BOTH), attributes=attributes)


@pytest.mark.spec("eidas.md §3 isRequired equals the registry")
@pytest.mark.spec("eidas.md §8 3")
@pytest.mark.parametrize("name", [MINIMUM[0], natural("Gender"), LEGAL_MINIMUM[0], f"{LEGAL_PERSON}/LEI"])
def test_what_is_required_is_what_the_registry_says(name: str) -> None:
    peer = replace(ASKING, sets=BOTH)
    others = tuple(one for one in asked_attributes(sets=(NATURAL_PERSON, LEGAL_PERSON)) if one.name != name)
    mandatory = PLAIN[name].mandatory
    assert judged(peer=peer, attributes=(*others, RequestedAttribute(name, required=mandatory)), contexts=(LOW,))
    wrong = RequestedAttribute(name, required=not mandatory)
    assert refused("is_required", peer, attributes=(*others, wrong)).saml_sub_status == INVALID_ATTRIBUTE


@pytest.mark.spec("eidas.md §3 no representative attributes")
@pytest.mark.spec("eidas.md §8 4")
@pytest.mark.parametrize("required", [True, False])
def test_a_representatives_attributes_are_refused(*, required: bool) -> None:
    for kind in ("naturalperson/representative/PersonIdentifier", "legalperson/representative/LegalName"):
        name = f"http://eidas.europa.eu/attributes/{kind}"
        refusal = refused("representative_requested", attributes=asked(name, required=required))
        assert refusal.saml_sub_status == INVALID_ATTRIBUTE
    refused("representative_requested", attributes=asked(natural("representative/Anything"), required=required))


@pytest.mark.spec("eidas.md §3 unknown attributes")
@pytest.mark.spec("eidas.md §3 isRequired of additional attributes")
@pytest.mark.spec("eidas.md §8 12")
def test_an_unknown_attribute_is_left_out_unless_it_is_required() -> None:
    assert judged(attributes=asked(SECTOR, natural("Height"))).attributes == asked_attributes()
    assert refused("unknown_required", attributes=asked(SECTOR, required=True)).saml_sub_status == INVALID_ATTRIBUTE


def test_an_attribute_is_asked_for_once() -> None:
    refused("requested_twice", attributes=(*asked_attributes(), *asked_attributes()))
    refused("requested_twice", attributes=asked(SECTOR, SECTOR))


# -- from octets -------------------------------------------------------------------------------------------------------


def receive(text: str, peer: Asking = ASKING) -> EidasRequest:
    return receive_request(made.signed_text(text), here=SSO, peer=peer, now=NOW, profile=EIDAS)


@pytest.mark.spec("eidas.md §3 absent isRequired is false")
def test_a_mandatory_attribute_that_does_not_say_it_is_required_is_refused() -> None:
    asked_for = "".join(made.requested(name, "") for name in MINIMUM)
    with pytest.raises(PeerRequestRefused) as refusal:
        receive(made.authn_request(asked=asked_for))
    assert refusal.value.check == "is_required"


@pytest.mark.spec("eidas.md §4 VersionMismatch")
def test_a_message_that_cannot_be_read_is_refused_with_the_status_to_answer() -> None:
    for text, check, status in (
        (made.authn_request(version="1.1"), "version", VERSION_MISMATCH),
        (made.authn_request(after="<p:Evil/>"), "unknown_element", REQUESTER),
        (made.authn_request(issued="now"), "time", REQUESTER),
    ):
        with pytest.raises(PeerRequestRefused) as refusal:
            receive(text)
        assert (refusal.value.check, refusal.value.saml_status, refusal.value.saml_sub_status) == (check, status, "")
        assert refusal.value.__cause__ is None
