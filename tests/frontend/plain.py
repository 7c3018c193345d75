"""A whole protocol in one file, for tests: a service asks by a query, and gets a form.

    GET /plain?service=parking&id=1&asked=email,birthdate
    -> a form to https://SERVICE.example/plain: `id`, `sub`, `level` and each attribute, or `id` and `error`

Nothing of it is safe: whoever knows a service's name may ask in it.
"""

from collections.abc import Mapping

from connectors.connector import Inbound, Post
from idp.login.frontend import Admit, Declined, Received
from idp.login.states import Decided, Released
from idp.ports import ParkedRow
from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, Address, AttributeName, Value
from policies.authentication import AskedAttribute, Origin, Requester, ServiceRequest
from policies.errors import BrokerError, ReleaseDenied, RequestRefused
from policies.parties import PurposeId, ServiceId

NAME = "plain"


class PlainFrontend:
    """`services` are those that may ask, by how they name themselves in messages."""

    path = "/plain"
    signed = False
    own_page = False

    def __init__(self, services: Mapping[str, str], purpose: str = "") -> None:
        self._services = services
        self._purpose = PurposeId(purpose)
        # Whether answers can be made now
        self.fails = False

    def receive(self, inbound: Inbound, now: int, admit: Admit) -> Received | Declined:
        """Read the attributes that it asks for. Raises where nobody has one."""
        asked = inbound.parameters
        service = asked.get("service", "")
        if service not in self._services or "id" not in asked:
            raise RequestRefused("a service that nobody knows, or a request without an id")
        origin = Origin(NAME, ServiceId(service), self._services[service], asked["id"], protocol=asked["id"])
        names = sorted(asked.get("asked", "").split(","))
        if "everything" in names:
            return Declined(origin, RequestRefused("nobody gets everything"), at_once=True)
        admit(origin.service)
        return Received(
            ServiceRequest(
                origin=origin,
                purpose_id=self._purpose,
                asked=tuple(AskedAttribute(AttributeName(name), EXACT) for name in names),
                unknown=(),
                minimum_assurance=LevelOfAssurance.LOW,
                requester=Requester("A service", "public"),
            )
        )

    def check_registered(self, origin: Origin) -> None:
        """The service is still one."""
        if origin.service not in self._services:
            raise RequestRefused("a service that nobody knows any more")

    def check_answerable(self, origin: Origin, now: int, *, release: bool) -> None:
        """An answer needs no key."""

    def evidence(self, origin: Origin) -> Mapping[str, str]:
        """Its request's id."""
        return {"nonce": origin.protocol}

    def session(self, decided: Decided, handle: bytes, now: int) -> None:
        """No sign-in is shared."""

    def parked(self, released: Released, now: int) -> tuple[ParkedRow, ...]:
        """The answer is whole."""
        return ()

    def answer(self, released: Released, now: int) -> Post:
        """Write the released values into a form."""
        if self.fails:
            raise ValueError("a defect")
        grant = released.grant
        values = {one.name: _text(one.value) for one in grant.attributes}
        return self._post(grant.origin, sub=grant.sub, level=grant.context or grant.loa.label, **values)

    def refuse(self, origin: Origin, error: BrokerError, now: int, answer_key: bytes = b"") -> Post:
        """That nothing goes."""
        return self._post(origin, error="refused" if isinstance(error, ReleaseDenied) else error.code)

    def _post(self, origin: Origin, **fields: str) -> Post:
        return Post(f"https://{origin.service}.example/plain", (("id", origin.protocol), *fields.items()))


def _text(value: Value) -> str:
    return value.locality if isinstance(value, Address) else str(value)
