"""A relying party's receipt: what it costs the client assertion that came with the token, and who is asked again."""

from collections.abc import Callable

import pytest

from idp.protocols.oidc.direct import JsonAnswer
from idp.protocols.oidc.receipt import PartyReceipts
from idp.receipts.issue import Issued
from idp.receipts.receipt import ReceiptHolder
from policies.errors import NotFound
from policies.parties import ClientId
from tests.idp.protocols.doubles import NOW, TENANT, City, asserted, assertion, basic, grant, posted, redemption


class Desk:
    """Receipts that say nothing; none at all once a test says so."""

    def __init__(self) -> None:
        self.gone = False

    def issue(self, holder: ReceiptHolder, record: bytes, values_nonce: bytes, now: int) -> Issued:
        del holder, record, values_nonce, now
        if self.gone:
            raise NotFound("no release with this id")
        return Issued(octets=b"{}\n", openings={}, record={}, leaf_hash=b"", proved=True)


class Scene:
    """The city's endpoint of receipts, and a token of each client."""

    def __init__(self) -> None:
        self.city, self.desk = City(), Desk()
        self.endpoint = PartyReceipts(
            tenant=TENANT,
            access=self.city.provider.access,
            clients=self.city.provider.clients,
            senders=self.city.provider.senders,
            receipts=self.desk,
            commits=self.city.store,
        )
        fare = self.city.code(grant("fare"), handle=b"f" * 32)
        parking = self.city.code(grant("parking"), handle=b"p" * 32)
        self.fare = self._access(self.city.provider.token(posted(asserted(fare, assertion(jti="first")), ""), NOW))
        self.parking = self._access(self.city.provider.token(posted(redemption(parking), basic()), NOW))

    def _access(self, answer: JsonAnswer) -> str:
        assert answer.status == 200, answer.body
        return str(answer.body["access_token"])

    def ask(self, token: str, jti: str) -> int:
        form = {**asserted("", assertion(jti=jti)), "access_token": token}
        answer = self.endpoint.receipt(posted(form, ""), NOW)
        return 200 if isinstance(answer, bytes) else answer.status


def spent(scene: Scene, jti: str) -> bool:
    """Whether the assertion opens nothing any more, though it comes with the right token."""
    scene.desk.gone = False
    return scene.ask(scene.fare, jti) == 401


@pytest.mark.parametrize("token", ["parking", "A" * 43])
def test_a_token_of_another_client_or_of_nobody_costs_the_assertion(token: str) -> None:
    scene = Scene()
    assert scene.ask(scene.parking if token == "parking" else token, "j1") == 401
    assert spent(scene, "j1")
    assert scene.ask(scene.fare, "j2") == 200


def test_a_receipt_that_there_is_not_costs_the_assertion() -> None:
    scene = Scene()
    scene.desk.gone = True
    assert scene.ask(scene.fare, "j1") == 401
    assert spent(scene, "j1")


def test_a_receipt_that_was_given_already_costs_the_assertion() -> None:
    scene = Scene()
    assert scene.ask(scene.fare, "j1") == 200
    assert scene.ask(scene.fare, "j2") == 409
    assert scene.ask(scene.fare, "j2") == 401
    assert scene.ask(scene.fare, "j3") == 409


def test_an_assertion_that_was_used_takes_no_receipt() -> None:
    scene = Scene()
    assert scene.ask(scene.fare, "first") == 401
    assert scene.ask(scene.fare, "j1") == 200


@pytest.mark.spec("RFC 6749 §3.2")
def test_a_field_without_a_value_counts_as_omitted() -> None:
    scene = Scene()
    empty = dict.fromkeys(("client_id", "client_secret", "client_assertion", "client_assertion_type"), "")
    token = {"access_token": scene.parking}
    assert scene.endpoint.receipt(posted({**empty, **token}, basic()), NOW) == b"{}\n"
    answer = scene.endpoint.receipt(posted({**empty, **token}, ""), NOW)
    assert isinstance(answer, JsonAnswer)
    assert (answer.status, answer.body["error_description"]) == (401, "The request has no client authentication.")


@pytest.mark.spec("decisions.md 31")
@pytest.mark.parametrize("meanwhile", ["client suspended", "source gone", "token ended"])
def test_what_is_switched_off_while_the_commit_waits_gets_no_receipt(meanwhile: str) -> None:
    scene = Scene()
    city = scene.city
    acts: dict[str, Callable[[], object]] = {
        "client suspended": lambda: city.suspended.add(ClientId("fare")),
        "source gone": city.providers.clear,
        "token ended": city.store.rows.clear,
    }
    city.store.meanwhile = acts[meanwhile]
    before = len(city.store.units)
    assert scene.ask(scene.fare, "j1") == 401
    assert [{mark.kind for mark in unit.marks} for unit in city.store.units[before:]] == [{"receipt", "jti"}]
