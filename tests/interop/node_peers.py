"""Countries' nodes in the table of `make interop`: written for the tests from their published sources (`tests/real`).

Their own programs need Java servers, eID cards and networks of states. So nobody runs them here, and the table says so.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.interop.peer import Fault, Flow, Role, Session
from tests.real.eu_node import RESPONDER_STATUS, Said
from tests.real.stages import Citizen, RealCity, RealNode, Traveller

STANDS_IN = 'deviations = ["registered_country", "no_protocol_version"]'


@dataclass(frozen=True, slots=True)
class Written:
    """A product whose messages we write ourselves, as its source of this version does."""

    said: str

    def version(self) -> str:
        return self.said

    def pinned(self) -> str:
        return self.said

    def text(self, source: str) -> str:
        raise FileNotFoundError(source)


@dataclass(frozen=True, slots=True)
class NodePeer:
    """A country's node; `short` is how the stages call it."""

    name: str
    package: Written
    documented: str
    short: str
    asked_with: tuple[str, ...] = ()
    role: Role = Role.NODE
    faults: Sequence[Fault] = ()

    @property
    def flows(self) -> Sequence[Flow]:
        return (
            Flow("we ask it, and a citizen signs in"),
            Flow("we ask it, and it answers with a failure"),
            Flow("it asks us, and opens the answer", self.asked_with),
            Flow("it asks us, and the citizen goes back", self.asked_with),
        )

    @contextmanager
    def opened(self, folder: Path) -> Iterator[Session]:
        with ExitStack() as stack:
            city, node = RealCity(folder / "city"), RealNode(folder / "node")
            for stage in (city, node):
                stage.open()
                stack.callback(stage.close)
            run: Mapping[str, Callable[[], None]] = {
                flow.name: part
                for flow, part in zip(
                    self.flows,
                    (
                        lambda: self._signs_in(city),
                        lambda: self._fails(city),
                        lambda: self._asks(node, "continue"),
                        lambda: self._asks(node, "cancel"),
                    ),
                    strict=True,
                )
            }
            yield lambda flow: run[flow.name]()

    def _signs_in(self, city: RealCity) -> None:
        city.spain.said, city.germany.cancelled = Said(), False
        citizen = Citizen(city)
        page = citizen.arrives(citizen.at_country(self.short))
        assert page.status == 200, page.text
        tokens = citizen.redeem(citizen.decides(page).back["code"]).json
        assert citizen.userinfo(str(tokens["access_token"])).json["age_over_18"] is True

    def _fails(self, city: RealCity) -> None:
        city.spain.said, city.germany.cancelled = Said(failure=RESPONDER_STATUS), True
        citizen = Citizen(city)
        page = citizen.arrives(citizen.at_country(self.short))
        assert (page.status, "error" in page.back) == (403, True), page.text

    def _asks(self, node: RealNode, choice: str) -> None:
        traveller = Traveller(node)
        page = traveller.returns(traveller.signs_in(traveller.asked_by(node.page_of(self.short))))
        assert page.status == 200, page.text
        said = traveller.back(traveller.decides(page, choice)).json
        assert ("values" if choice == "continue" else "failed") in said, said


NODES: tuple[NodePeer, ...] = (
    NodePeer(
        "EU eIDAS-Node 2.9 (as its source writes)",
        Written("2.9.0"),
        "as its `EidasProtocolProcessor`, `AssertionUtil` and `EidasMetadata` write, with its configuration as shipped",
        "es",
    ),
    NodePeer(
        "German eIDAS middleware 4.0 (as its source writes)",
        Written("4.0.2"),
        "as its `EidasResponse`, `EidasMetadataService` and `RequestHandler` write; what asks, as its `EidasRequest`",
        "de",
        (STANDS_IN,),
    ),
)
