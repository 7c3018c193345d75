"""Receipts over HTTP: the citizen's, the relying party's, and the proof that everybody can ask for."""

import hashlib
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any  # JSON that a test takes apart

import pytest

import idp.receipts.library.ciconia_receipt as library
from connectors.signatures.jws import base64url, from_base64url
from idp.ledger.checkpoint import VerifierKey
from idp.login.states import RECEIPT_LIFE
from idp.pages.languages import LANGUAGES
from idp.pages.render import Pages
from idp.receipts.citizen import joined
from idp.receipts.inclusion_proof import prove, read_proof
from idp.receipts.receipt import ReceiptHolder
from idp.receipts.receipt_verify import ProvedReceipt, verify_receipt
from idp.web.routes.receipt import COOKIE
from tests.idp.server.crew import until
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, FORM_TYPE, Answer, Visitor
from tests.independent_receipt import check

SECONDS = 20.0
CANARY = "mari@post.example"


def key(stage: Stage) -> VerifierKey:
    return stage.application.keys.ledger.log.at(0).verifier


def proved(stage: Stage, answer: Answer) -> ProvedReceipt:
    assert answer.status == 200, answer.text
    return verify_receipt(answer.text.encode(), [key(stage)])


def file_of(visitor: Visitor, query: str = "") -> Answer:
    return visitor.go("GET", f"/receipt.json{query}")


def with_proof(visitor: Visitor) -> Answer:
    """The citizen's file, once a checkpoint covers its leaf."""
    until(lambda: json.loads(file_of(visitor).text)["proof"] is not None)
    return file_of(visitor)


def access(visitor: Visitor) -> str:
    return str(visitor.redeem(visitor.code()).json["access_token"])


def party_receipt(visitor: Visitor, token: str, authorization: str | None = None) -> Answer:
    """The answer that parking gets, or another client that authenticates."""
    told = {**DIRECT, "content-type": FORM_TYPE, "authorization": authorization or visitor.basic("parking")}
    return visitor.go("POST", "/userinfo/receipt", fields={"access_token": token}, headers=told, jar={})


# -- the citizen's


@pytest.mark.spec("issue 4 item 1; design §5")
def test_an_approval_leaves_a_strict_cookie_of_a_day_and_the_page_links_to_the_receipt(visitor: Visitor) -> None:
    question = visitor.question()
    assert "you can download a receipt for 24 hours" in question.text
    assert not question.found("//a[@href='/receipt']"), "there is none yet"
    leaving = visitor.sends(question)
    cookie = leaving.cookies[COOKIE]
    assert cookie.attributes == {"max-age": "86400", "path": "/", "secure": "", "httponly": "", "samesite": "Strict"}
    assert visitor.lands(leaving).found("//a[@href='/receipt']/text()") == ["Read or print the receipt"]


@pytest.mark.spec("issue 26 item 20")
def test_the_receipts_of_a_day_in_one_browser_are_all_kept(visitor: Visitor, stage: Stage) -> None:
    for _ in range(3):
        visitor.code()
    handles = visitor.jar[COOKIE].split(".")
    assert len(set(handles)) == 3
    files = [visitor.go("GET", f"/receipt.json?n={number}") for number in (1, 2, 3)]
    assert len({proved(stage, answer).record for answer in files}) == 3
    assert proved(stage, file_of(visitor)).record == proved(stage, files[0]).record
    page = visitor.go("GET", "/receipt")
    assert page.found("//section[@aria-labelledby='others']//a/@href") == ["/receipt?n=2", "/receipt?n=3"]
    other = visitor.go("GET", "/receipt?n=3")
    assert other.found("//a[@class='button']/@href") == ["/receipt.json?n=3"]
    for number, status in (("4", 404), ("0", 400), ("x", 400), ("1&n=2", 400)):
        assert visitor.go("GET", f"/receipt?n={number}").status == status
    assert visitor.go("POST", "/receipt/forget").status == 200
    visitor.jar[COOKIE] = ".".join(handles)
    assert visitor.go("GET", "/receipt").status == 404


def test_the_cookie_of_receipts_has_a_bound_and_holds_nothing_but_handles() -> None:
    handles = [base64url(bytes([number]) * 32) for number in range(40)]
    text = ""
    for handle in handles:
        text = joined(handle, text)
    assert text.split(".") == handles[:-17:-1]
    assert len(text) == 703
    assert joined(handles[0], f"{handles[1]}.{handles[0]}.x.{handles[2]}=..{'y' * 9999}") == ".".join(handles[:2])


def test_the_file_is_there_at_once_as_a_promise_or_a_proof_and_soon_as_a_proof(visitor: Visitor, stage: Stage) -> None:
    before = time.time()
    visitor.code()
    at_once = proved(stage, file_of(visitor))
    assert at_once.holder is ReceiptHolder.CITIZEN
    assert at_once.by is None or at_once.by <= before + 75
    answer = with_proof(visitor)
    later = proved(stage, answer)
    assert later.leaf_hash == at_once.leaf_hash
    assert later.index is not None
    assert answer.headers["content-disposition"] == 'attachment; filename="receipt.json"'
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.spec("issue 4, real parts")
def test_the_second_verifier_finds_the_same_place(visitor: Visitor, stage: Stage) -> None:
    visitor.code()
    answer = with_proof(visitor)
    assert check(answer.text.encode(), str(key(stage))) == proved(stage, answer).index


@pytest.mark.spec("decisions.md 15")
def test_no_value_is_in_a_receipt_and_what_was_withheld_is_in_the_citizens_alone(visitor: Visitor, stage: Stage) -> None:
    token = access(visitor)
    citizen, party = file_of(visitor).text, party_receipt(visitor, token).text
    for text in (citizen, party):
        assert CANARY not in text
        assert "Maasikas" not in text
    assert "not_chosen" in citizen
    assert "demo-ee" in citizen
    for word in ("not_chosen", "not_needed", "demo-ee", '"withheld"', '"source"'):
        assert word not in party
    assert proved(stage, party_receipt(visitor, access(visitor))).holder is ReceiptHolder.RELYING_PARTY


@pytest.mark.spec("decisions.md 22")
def test_no_guess_at_what_was_shown_finds_its_hash_in_the_relying_partys_receipt(visitor: Visitor) -> None:
    token = access(visitor)
    citizen, party = file_of(visitor).text, party_receipt(visitor, token).text
    asked = json.loads(citizen)["openings"]["decision"]["content"]["asked"]
    guesses = set(_notices(json.loads(party)["openings"]["sent"]["content"], dict(asked)))
    # the guesses are the right ones: who holds the decision confirms one of them
    assert len([guess for guess in guesses if guess in citizen]) == 1
    assert not [guess for guess in guesses if guess in party]
    assert "its hash is in the citizen's receipt" in json.loads(party)["record"]["processing"]["privacy_notice"]


def _notices(sent: dict[str, Any], asked: dict[str, str]) -> Iterator[str]:
    """The hash of every page that a relying party can think of: each language, each set of boxes left unticked."""
    went = dict(sent["names"])
    others = [name for name in asked if name not in went]
    for language, ticks in itertools.product(LANGUAGES, itertools.product((True, False), repeat=len(others))):
        released = {**went, **{name: asked[name] for name, tick in zip(others, ticks, strict=True) if tick}}
        shown = {
            "language": language,
            "purpose": sent["purpose"],
            "released": released,
            "template": Pages().template_digest,
            "withheld": {name: form for name, form in asked.items() if name not in released},
        }
        text = json.dumps(shown, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        yield hashlib.sha256(text.encode()).hexdigest()


def test_the_page_says_in_words_what_went_and_what_did_not(visitor: Visitor) -> None:
    visitor.code()
    page = visitor.go("GET", "/receipt")
    assert (page.status, page.heading) == (200, "Your receipt")
    assert "Storkhaven" in page.text
    assert "You did not choose to share it." in page.text
    assert "Needed for a public task" in page.text
    assert page.found("//a/@href") == ["/receipt.json", "/log/vkey", "/receipt/check"]
    assert page.found("//code/text()")[1:] == ["ciconia audit verify receipt.json --log log.vkey"]
    assert "a yes or no is found at once. Keep it like the data itself." in page.text
    assert visitor.go("GET", "/receipt", headers={"accept-language": "et"}).heading == "Teie kviitung"
    assert "set-cookie" not in page.headers


@pytest.mark.parametrize("choice", ["refuse", "cancel"])
def test_who_shares_nothing_gets_no_receipt_and_the_page_says_why(visitor: Visitor, choice: str) -> None:
    ended = visitor.decides(visitor.question(), choice)
    assert COOKIE not in ended.cookies
    assert not ended.found("//a[@href='/receipt']")
    page = visitor.go("GET", "/receipt")
    assert (page.status, page.heading) == (404, "There is no receipt here")
    assert "nothing was passed on" in page.text
    assert file_of(visitor).status == 404


def test_it_ends_after_a_day(visitor: Visitor, stage: Stage) -> None:
    before = stage.clock()
    visitor.code()
    after = stage.clock()
    with_proof(visitor)
    stage.clock.stand()
    now = stage.clock()
    stage.clock.ahead = before + RECEIPT_LIFE - 1 - now
    assert file_of(visitor).status == 200
    stage.clock.ahead = after + RECEIPT_LIFE - now
    assert file_of(visitor).status == 404
    assert visitor.go("GET", "/receipt").status == 404


def test_it_is_forgotten_on_demand_in_the_browser_and_here(visitor: Visitor) -> None:
    visitor.code()
    handle = visitor.jar[COOKIE]
    page = visitor.go("GET", "/receipt")
    assert page.found("//main//form/@action") == ["/receipt/forget"]
    forgotten = visitor.go("POST", "/receipt/forget")
    assert (forgotten.status, forgotten.cookies[COOKIE].attributes["max-age"]) == (200, "0")
    assert COOKIE not in visitor.jar
    assert visitor.go("GET", "/receipt.json", jar={COOKIE: handle}).status == 404
    assert visitor.go("POST", "/receipt/forget").status == 200


def test_another_site_forgets_nothing_and_sees_nothing(visitor: Visitor) -> None:
    visitor.code()
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": None, "origin": "null"}):
        assert visitor.go("POST", "/receipt/forget", headers=headers).status == 403
    for path in ("/receipt", "/receipt.json"):
        for destination in ("iframe", "image", "script", "empty"):
            assert visitor.go("GET", path, headers={"sec-fetch-dest": destination}).status == 403
    assert file_of(visitor).status == 200


@pytest.mark.parametrize("value", ["x", "A" * 43, "A" * 5000, "ä"])
def test_a_cookie_that_is_no_handle_gives_no_receipt(visitor: Visitor, value: str) -> None:
    for path in ("/receipt", "/receipt.json"):
        assert visitor.go("GET", path, jar={COOKIE: value}).status == 404
    assert visitor.go("POST", "/receipt/forget", jar={COOKIE: value}).status == 200


# -- the basis


@pytest.mark.spec("consent.md §1")
@pytest.mark.spec("decisions.md 25")
@pytest.mark.parametrize("basis", ["consent", "public_task"])
def test_the_receipt_says_on_which_basis_it_rests(visitor: Visitor, stage: Stage, tmp_path: Path, basis: str) -> None:
    edits = {"purposes/resident-parking.toml": ('basis = "public_task"', f'basis = "{basis}"')}
    with stage.other_broker(tmp_path / basis, edits) as visitor.port:
        visitor.code()
        found = json.loads(file_of(visitor).text)
        changed = proved(stage, file_of(visitor))
    visitor.port = None
    assert found["openings"]["sent"]["content"]["basis"] == basis
    # The stage's own broker has another version of the purpose, and does not say what this one was
    bare = file_of(visitor)
    assert proved(stage, bare).leaf_hash == changed.leaf_hash
    if basis == "consent":
        assert json.loads(bare.text)["record"]["processing"]["pii_controllers"] == []


# -- the relying party's


def test_the_relying_party_gets_its_receipt_once(visitor: Visitor, stage: Stage) -> None:
    token = access(visitor)
    answer = party_receipt(visitor, token)
    found = proved(stage, answer)
    assert (found.client, found.basis) == ("parking", "public_task")
    assert answer.headers["cache-control"] == "no-store"
    again = party_receipt(visitor, token)
    assert (again.status, again.json["error"]) == (409, "invalid_request")
    assert visitor.userinfo(token).status == 200


@pytest.mark.spec("issue 31 item 5")
def test_the_services_own_library_checks_it_against_its_id_token_and_redeems_a_promise(visitor: Visitor) -> None:
    tokens = visitor.redeem(visitor.code()).json
    claims = _claims(str(tokens["id_token"]))
    octets = party_receipt(visitor, str(tokens["access_token"])).text.encode()
    keys = visitor.go("GET", "/log/vkey", headers=DIRECT, jar={}).text
    found = library.verify(octets, keys, login=claims)
    assert (found.sent["client"], found.index is None) == ("parking", found.by is not None)
    address = f"/log/proof?leaf={found.leaf_hash}"
    until(lambda: visitor.go("GET", address, headers=DIRECT, jar={}).status == 200)
    proof = visitor.go("GET", address, headers=DIRECT, jar={}).text.encode()
    placed = library.verify(octets, keys, login=claims, proof=proof)
    assert placed.index is not None
    assert placed.size is not None
    other = _claims(str(visitor.redeem(visitor.code(nonce="another-nonce")).json["id_token"]))
    assert {name for name in ("iss", "aud", "sub", "nonce") if other[name] != claims[name]} == {"nonce"}
    with pytest.raises(library.ReceiptRefused, match="nonce differs"):
        library.verify(octets, keys, login=other)


def _claims(token: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(from_base64url(token.split(".")[1]))
    return found


@pytest.mark.spec("issue 4: another client's token")
def test_nobody_but_the_tokens_own_client_gets_it(visitor: Visitor, stage: Stage) -> None:
    token = access(visitor)
    other = party_receipt(visitor, token, visitor.basic("budget"))
    assert (other.status, other.json["error"]) == (401, "invalid_token")
    wrong = party_receipt(visitor, token, visitor.basic("parking", "x"))
    assert (wrong.status, wrong.json["error"]) == (401, "invalid_client")
    told = {**DIRECT, "content-type": FORM_TYPE}
    nobody = visitor.go("POST", "/userinfo/receipt", fields={"access_token": token}, headers=told, jar={})
    assert (nobody.status, nobody.json["error"]) == (401, "invalid_client")
    bearer = party_receipt(visitor, token, f"Bearer {token}")
    assert bearer.status in {400, 401}
    assert proved(stage, party_receipt(visitor, token)).client == "parking"


# -- the proof for everybody


def test_whoever_knows_the_leafs_hash_gets_its_proof(visitor: Visitor, stage: Stage) -> None:
    visitor.code()
    found = proved(stage, with_proof(visitor))
    answer = visitor.go("GET", f"/log/proof?leaf={found.leaf_hash.hex()}", headers=DIRECT, jar={})
    assert answer.status == 200
    assert answer.text.startswith("c2sp.org/tlog-proof@v1\nindex ")
    assert prove(read_proof(answer.text.encode()), found.leaf_hash, [key(stage)])[1].size >= (found.size or 0)


def test_a_leaf_that_is_not_there_yet_or_never_gets_a_404_that_says_when_to_ask_again(visitor: Visitor) -> None:
    answer = visitor.go("GET", f"/log/proof?leaf={'0' * 64}", headers=DIRECT, jar={})
    assert (answer.status, answer.headers["retry-after"]) == (404, "10")


@pytest.mark.parametrize(
    "query", ["", "?leaf=", "?leaf=zz", f"?leaf={'A' * 64}", f"?leaf={'0' * 64}&more=1", "?leaf=0&leaf=0"]
)
def test_what_is_no_leafs_hash_is_refused(visitor: Visitor, query: str) -> None:
    assert visitor.go("GET", f"/log/proof{query}", headers=DIRECT, jar={}).status == 400
