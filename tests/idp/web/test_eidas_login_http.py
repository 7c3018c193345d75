"""A citizen's login by another country's node, over real sockets: what travels, what stays, and how it may end."""

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.formats.eidas.registry import (
    AUTHN_FAILED,
    LEVEL_NOT_REACHED,
    MINIMUM,
    REQUEST_DENIED,
    REQUESTER,
    RESPONDER,
)
from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import verify
from connectors.wire.names import UNSPECIFIED
from idp.audit.verify import verify_ledger
from idp.monitoring.composition import _have_keys, _serving
from policies.errors import AllRevoked, PeerUnavailable
from tests.connectors.eidas.made import natural
from tests.connectors.eidas.node import HIGH, LOW, SUBSTANTIAL
from tests.connectors.metadata.node import curve_signer
from tests.idp.staging import Clock, Lines, opened
from tests.idp.web.finland import DAY, CrossingStage, Traveller
from tests.idp.web.visitor import DIRECT, Answer

# A year alone stands in a random reference now and then
CANARIES = ("Canarynen", "Aino-Canary", "1887-04", "canary-0001", "Canarystreet")


def _answered(traveller: Traveller, *ticked: str, **changes: object) -> Answer:
    """The page that a citizen sees back from Finland, whose answer was good but for `changes`."""
    request, relay_state = traveller.question_to_finland(*ticked)
    return traveller.arrives(traveller.finland_says(request, relay_state, **changes))


def _ended(page: Answer, status: int, heading: str, error: str) -> None:
    """A page that says what happened, with a way back that tells the service as much as it may know."""
    assert (page.status, page.heading) == (status, heading), page.text
    assert page.back["error"] == error
    assert page.reference
    assert not any(value in page.text for value in CANARIES)


@pytest.mark.spec("eidas.md §3 ProviderName")
@pytest.mark.spec("eidas.md §3 complete minimum data set")
def test_the_node_is_asked_for_what_the_purpose_needs_and_for_the_minimum_data_set(traveller: Traveller) -> None:
    request, _ = traveller.question_to_finland("email", scope="openid purpose:resident-parking profile email address phone")
    asked = {one.name: one.required for one in request.attributes}
    assert asked == dict.fromkeys(MINIMUM, True) | {natural("CurrentAddress"): False, natural("EmailAddress"): False}
    assert request.issuer == f"{traveller.stage.issuer}/eidas/metadata"
    assert (request.provider_name, request.sp_type, request.requester_id) == ("Resident parking", "public", "")
    assert (request.comparison, request.contexts, request.name_id_format) == ("minimum", (SUBSTANTIAL,), UNSPECIFIED)


@pytest.mark.spec("decisions.md 18")
def test_what_crossed_the_border_stays_at_the_node_but_for_what_the_purpose_needs(traveller: Traveller) -> None:
    page = _answered(traveller, "email")
    assert "Are you 18 or older?" in page.text
    shown = " ".join(page.found("string(//details[summary/@id='arrived'])")[0].split())
    for title in ("Family name", "Given name", "Date of birth", "Personal identifier", "Address"):
        assert title in shown
    assert "Email address" not in shown, "it goes on as it came"
    assert not any(value in page.text for value in CANARIES)
    code = traveller.decides(page, ticked={"share.email": "yes"}).back["code"]
    tokens = traveller.redeem(code).json
    claims = traveller.userinfo(str(tokens["access_token"])).json
    assert {name: value for name, value in claims.items() if name != "sub"} == {
        "age_over_18": True,
        "resident_of": {"Storkhaven": True},
        "email": "canary@post.example",
    }


@pytest.mark.parametrize(
    ("acr_values", "asked", "comes", "acr"),
    [(None, SUBSTANTIAL, SUBSTANTIAL, SUBSTANTIAL), (None, SUBSTANTIAL, HIGH, HIGH), (HIGH, HIGH, HIGH, HIGH)],
)
def test_the_level_that_the_service_asks_goes_out_and_the_countrys_comes_back_as_acr(
    traveller: Traveller, acr_values: str | None, asked: str, comes: str, acr: str
) -> None:
    request, relay_state = traveller.question_to_finland(acr_values=acr_values)
    assert request.contexts == (asked,)
    page = traveller.arrives(traveller.finland_says(request, relay_state, level=comes))
    tokens = traveller.redeem(traveller.decides(page).back["code"]).json
    keys = keys_from_jwks(traveller.go("GET", "/jwks", headers=DIRECT).text, "ES256")
    assert verify(str(tokens["id_token"]), keys, alg="ES256", types={"JWT"}).members["acr"] == acr


@pytest.mark.spec("eidas.md §8 6")
@pytest.mark.parametrize(
    "changes",
    [
        {"level": LOW},
        {"level": "http://eidas.europa.eu/NotNotified/LoA/high"},
        {"status": RESPONDER, "sub_status": AUTHN_FAILED, "message": LEVEL_NOT_REACHED},
        {"status": RESPONDER, "sub_status": "urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext"},
    ],
    ids=["low", "not notified", "the node says so", "another node says so"],
)
def test_too_low_ends_on_a_page_and_then_at_the_service_as_unmet(traveller: Traveller, changes: dict[str, object]) -> None:
    page = _answered(traveller, **changes)
    _ended(page, 403, "A stronger sign-in is needed", "unmet_authentication_requirements")


def test_a_level_that_the_country_does_not_have_ends_before_anybody_is_sent_there(traveller: Traveller) -> None:
    stage = traveller.crossing
    modest = traveller.login(acr_values=HIGH)
    with stage.other_broker(
        stage.folder / "modest", {"providers/fi.toml": ('8"]\n', f'8"]\n[assurance]\n"{LOW}" = "low"\n')}
    ) as port:
        traveller.port = port
        _ended(traveller.asks(modest, "fi"), 403, "A stronger sign-in is needed", "unmet_authentication_requirements")


@pytest.mark.parametrize(("status", "sub_status"), [(RESPONDER, AUTHN_FAILED), (REQUESTER, REQUEST_DENIED)])
def test_a_citizen_who_stopped_at_home_is_told_so_and_the_service_hears_access_denied(
    traveller: Traveller, status: str, sub_status: str
) -> None:
    _ended(_answered(traveller, status=status, sub_status=sub_status), 403, "You were not signed in", "access_denied")


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"signed": False}, "signature_missing"),
        ({"destination": "https://evil.example/acs"}, "destination"),
        ({"audience": "https://evil.example/"}, "audience"),
        ({"in_response_to": "_other"}, "in_response_to"),
    ],
)
def test_an_answer_that_is_wrong_gets_a_page_a_line_in_the_log_and_disturbs_no_other_login(
    traveller: Traveller, logs: Lines, changes: dict[str, object], check: str
) -> None:
    other = traveller.question_to_finland()
    page = _answered(traveller, **changes)
    _ended(page, 403, "Your country's answer was not accepted", "access_denied")
    (line,) = [line for line in logs if line["event"] == "refused"]
    assert (line["check"], line["path"], line["reference"]) == (check, "/eidas/acs", page.reference)
    assert not any(value in str(line) for value in CANARIES)
    assert traveller.arrives(traveller.finland_says(*other)).status == 200


@pytest.mark.spec("eidas.md §8 11")
@pytest.mark.spec("eidas.md §4 replay")
@pytest.mark.spec("decisions.md 1")
def test_an_answer_may_come_again_until_somebody_decided_and_never_after(traveller: Traveller) -> None:
    fields = traveller.finland_says(*traveller.question_to_finland())
    kept = dict(traveller.jar)
    assert traveller.arrives(fields).status == 200
    page = traveller.arrives(fields)
    assert traveller.decides(page).status in (200, 303)
    assert traveller.arrives(fields).status == 409
    # kiosk: a browser that was told to forget nothing reads the page again, and cannot decide
    traveller.jar = kept
    again = traveller.arrives(fields)
    assert again.status == 200
    assert traveller.decides(again, "refuse").status == 409


def test_an_answer_comes_to_the_address_of_its_protocol_alone(traveller: Traveller) -> None:
    fields = traveller.finland_says(*traveller.question_to_finland())
    assert traveller.arrives(fields, "/saml/acs").status == 400
    assert traveller.arrives(fields).status == 200
    estonian = traveller.signs_in(traveller.asked(traveller.login()))
    assert traveller.arrives(estonian, "/eidas/acs").status == 400
    assert traveller.returns(estonian).status == 200


@pytest.mark.spec("house-style.md 14")
def test_the_address_takes_one_message_by_post_from_a_navigation(traveller: Traveller) -> None:
    fields = traveller.finland_says(*traveller.question_to_finland())
    assert traveller.go("GET", "/eidas/acs").status == 405
    assert traveller.go("POST", "/eidas/acs?x=1", fields=fields).status == 400
    assert traveller.go("POST", "/eidas/acs", fields=fields, headers={"sec-fetch-dest": "iframe"}).status == 403
    with Traveller(traveller.stage) as stranger:
        assert stranger.arrives(fields).status == 409, "another browser"


def test_a_country_of_which_nothing_is_valid_now_can_neither_be_asked_nor_heard(
    traveller: Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = traveller.finland_says(*traveller.question_to_finland())
    begun = traveller.login()

    def ended(*_arguments: object) -> None:
        raise PeerUnavailable("its metadata ended")

    with monkeypatch.context() as patched:
        patched.setattr(traveller.crossing.application.peers, "current", ended)
        away = traveller.asks(begun, "fi")
        assert away.status == 503
        assert f"/login/{begun}/countries" in away.found("//main//a/@href")
        assert not any(link.endswith("/fi") for link in traveller.authorize().found("//main//nav//a/@href"))
        _ended(traveller.arrives(fields), 503, away.heading, "temporarily_unavailable")
    # both logins live on
    assert traveller.arrives(fields).status == 200
    assert traveller.returns(traveller.signs_in(traveller.asked(begun))).status == 200


@pytest.mark.spec("security.md §2.1 C: a provider that was taken out")
def test_a_country_that_ended_while_the_question_was_read_releases_nothing_and_the_way_back_stays(
    traveller: Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = traveller.arrives(traveller.finland_says(*traveller.question_to_finland()))
    assert question.status == 200
    commits: list[object] = []

    def ended(*_arguments: object) -> None:
        raise PeerUnavailable("its metadata ended")

    with monkeypatch.context() as patched:
        patched.setattr(traveller.crossing.application.peers, "current", ended)
        patched.setattr(traveller.crossing.application.store, "commit", commits.append)
        page = traveller.decides(question)
    _ended(page, 503, "This country cannot be reached", "temporarily_unavailable")
    assert "code" not in page.back
    assert commits == []
    # it came back, and the page is still open
    assert traveller.decides(question).status in (200, 303)


def _publishes(crossing: CrossingStage, **changes: tuple[object, ...]) -> None:
    """Finland publishes this from now on; our operator approves whatever is new in it."""
    finland, peers = crossing.finland, crossing.application.peers
    for name, value in changes.items():
        setattr(finland, name, value)
    finland.life += 10
    crossing.fetch()
    for waiting in peers.pending(crossing.clock(), finland.node.peer.entity_id):
        peers.approve(finland.node.peer.entity_id, waiting.digest, crossing.clock())


@pytest.mark.spec("security.md §2.1 C: a provider that was taken out")
@pytest.mark.parametrize("withdrawn", ["signing", "assurance"])
def test_a_key_or_a_level_that_a_country_takes_back_counts_on_no_page_that_is_open(
    tmp_path: Path, logs: Lines, withdrawn: str
) -> None:
    """A stage of this test alone: it changes what the country publishes."""
    with opened(CrossingStage(tmp_path / "stage", Clock())) as crossing, Traveller(crossing) as traveller:
        _took_back(traveller, crossing, logs, withdrawn)


def _took_back(traveller: Traveller, crossing: CrossingStage, logs: Lines, withdrawn: str) -> None:
    ours, other = crossing.finland.node.signer.certificate, curve_signer().certificate
    _publishes(crossing, signing=(ours, other))
    question = _answered(traveller)
    assert question.status == 200
    _publishes(crossing, **{withdrawn: (other,) if withdrawn == "signing" else (LOW,)})
    page = traveller.decides(question)
    assert page.status == 409
    assert "code=" not in page.text
    assert logs[-1]["check"] == "policy_changed"
    _publishes(crossing, signing=(ours,), assurance=(HIGH,))
    assert traveller.decides(_answered(traveller)).status in (200, 303)


@pytest.mark.spec("security.md §2.1 C: a provider that was taken out")
def test_a_country_that_ended_since_the_approval_ends_its_codes_and_tokens(
    traveller: Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def approved() -> str:
        question = traveller.arrives(traveller.finland_says(*traveller.question_to_finland()))
        return traveller.decides(question).back["code"]

    def ended(*_arguments: object) -> None:
        raise PeerUnavailable("its metadata ended")

    code, other = approved(), traveller.code()
    token = str(traveller.redeem(approved()).json["access_token"])
    with monkeypatch.context() as patched:
        patched.setattr(traveller.crossing.application.peers, "current", ended)
        refused = traveller.redeem(code)
        assert (refused.status, refused.json["error"]) == (400, "invalid_grant")
        assert traveller.userinfo(token).status == 401
        assert traveller.redeem(other).status == 200, "a pinned identity provider has no metadata that ends"
    assert traveller.userinfo(token).status == 200
    assert traveller.redeem(code).status == 200, "it was not used up"


@pytest.mark.spec("decisions.md 30")
def test_what_a_registration_approves_in_advance_is_on_the_servers_record_once(tmp_path: Path) -> None:
    with opened(CrossingStage(tmp_path / "stage", Clock())) as stage:
        stage.fetch()
        keys, store = stage.application.keys, stage.application.store
        report = verify_ledger(store.engine, tenant=stage.application.settings.tenant, keys=keys.ledger)
    assert (report.records, report.findings) == (1, ())


@pytest.mark.spec("eidas.md §6 SPSSODescriptor")
@pytest.mark.spec("eidas.md §6 validUntil")
@pytest.mark.spec("eidas.md §6 AssertionConsumerService by POST")
@pytest.mark.spec("eidas.md §2 entity id is where metadata is served")
def test_our_metadata_is_signed_by_its_own_key_and_renewed_at_half_of_its_life(
    traveller: Traveller, crossing: CrossingStage
) -> None:
    answer = traveller.go("GET", "/eidas/metadata", headers=DIRECT)
    assert answer.headers["content-type"] == "application/samlmetadata+xml"
    facts, node = traveller.our_facts(), crossing.application.keys.node
    assert node is not None
    assert facts.entity_id == f"{crossing.issuer}/eidas/metadata"
    assert [url for _, url in facts.endpoints] == [f"{crossing.issuer}/eidas/acs"]
    assert (facts.country, facts.sp_type) == ("NL", "")
    assert facts.signing == frozenset({node.messages.at(0).certificate})
    assert facts.encryption == frozenset({node.encryption.at(0).certificate})
    assert DAY // 2 <= facts.valid_until - crossing.clock() <= DAY
    assert traveller.go("GET", "/eidas/metadata", headers=DIRECT).text == answer.text
    crossing.clock.ahead = DAY // 2 + 10
    renewed = traveller.our_facts()
    assert renewed.valid_until - crossing.clock() > DAY - 60
    assert renewed.digest == facts.digest, "nothing that a peer would have to approve again"


def test_a_city_that_asks_no_node_has_no_metadata_of_one(traveller: Traveller, tmp_path: Path) -> None:
    stage = traveller.crossing
    folder = tmp_path / "plain"
    edits = {
        "providers/fi.toml": None,
        "ciconia.toml": ('country = "NL"\n', ""),
    }
    with stage.other_broker(folder, edits) as port:
        traveller.port = port
        assert traveller.go("GET", "/eidas/metadata", headers=DIRECT).status == 404
        assert traveller.go("GET", "/saml/metadata", headers=DIRECT).status == 200


@pytest.mark.parametrize("kind", ["node", "node-encryption"])
def test_where_nobody_else_can_be_asked_a_broker_is_ready_with_its_node_s_keys_alone(
    crossing: CrossingStage, kind: str
) -> None:
    """A node's answer is encrypted to us: without a key that opens it no login comes to its end."""
    application, now = crossing.application, crossing.clock()
    ring, configuration = application.keys.rings[kind], application.city.role.configuration
    abroad = {name: one for name, one in configuration.providers.items() if one.protocol == "eidas"}
    everybody, alone = (
        _serving(each, application.keys) for each in (configuration, replace(configuration, providers=abroad))
    )
    before = ring._revoked
    try:
        _have_keys(application.sealing, alone, now)
        ring.obey(lambda _key_id: 1)
        _have_keys(application.sealing, everybody, now)  # others are served
        with pytest.raises(AllRevoked):
            _have_keys(application.sealing, alone, now)
    finally:
        ring.obey(before)
