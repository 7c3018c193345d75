"""A sending node's pages: the list of this country's identity providers, and the information about what goes."""

from collections.abc import Sequence
from dataclasses import replace

from idp.login.role import Choices
from idp.login.states import DECIDED_LIFE, Decided
from idp.pages.inform_view import InformView
from idp.pages.picker_view import OfferedBox
from idp.pages.render import Pages
from idp.pages.views import Item, SpType, Text, Towards, WithheldItem
from idp.protocols.eidas.person import IDENTIFIERS, in_registry_order
from idp.protocols.eidas.role import NodeRole
from idp.web.for_whom import for_whom
from policies.authentication import Origin, Requester, ServiceRequest
from policies.catalogue import Catalogue
from policies.errors import AssertionRejected
from policies.parties import IdentityProvider, ProviderId
from policies.release import Decision


class NodeScreens:
    """See `idp.web.site`."""

    towards = Towards.NODE
    has_countries = False
    of_the_source = (AssertionRejected,)

    def __init__(self, *, role: NodeRole, pages: Pages, catalogue: Catalogue) -> None:
        self._role = role
        self._pages = pages
        self._catalogue = catalogue

    def service(self, origin: Origin, language: str) -> Text:
        """The name of the country that asks, in the reader's language."""
        said = self._pages.wording(language).language
        return Text(said.country(self._role.node(origin).peer.country), said.tag)

    def purpose(self, request: ServiceRequest, language: str) -> Text:
        """Which kind of service asks."""
        said = self._pages.wording(language).language
        return Text(said.say(f"inform.kind.{SpType(_asking(request).sp_type)}"), said.tag)

    def narrowed(self, request: ServiceRequest) -> bool:
        """All of them are of this country."""
        return False

    def leaves_out(self, request: ServiceRequest) -> bool:
        """Which level a node asks is no matter of the citizen's."""
        return False

    def needed(self, request: ServiceRequest) -> None:
        """A node names the levels that it takes, each for itself."""

    def only(self, request: ServiceRequest, choices: Choices) -> ProviderId | None:
        """The one that can answer."""
        return choices[0][0].provider_id if len(choices) == 1 else None

    def offers(self, request: ServiceRequest, asked: Sequence[IdentityProvider], language: str) -> tuple[OfferedBox, ...]:
        """The page that informs has the boxes: this country's identity providers are asked for nothing by name."""
        return ()

    def counted(self, origin: Origin, provider: IdentityProvider | None) -> str:
        """The country that asks."""
        return self._role.node(origin).peer.country

    def question(self, decided: Decided, sealed: str, language: str, left: int) -> str:
        """Which data go to which country; the citizen continues or leaves. Before that, for whom, where they choose."""
        wording, judged, registers = self._pages.wording(language), decided.judged, self._role.registers
        if judged.instead:
            service = self.service(decided.request.origin, language)
            return for_whom(self._pages, decided, sealed, language, left, service, (registers, self._catalogue))
        node, asking = self._role.node(decided.request.origin), _asking(decided.request)
        view = InformView(
            language=language,
            login=decided.login,
            decided=sealed,
            action=f"/login/{decided.login}/decision",
            rewording=f"/login/{decided.login}/language",
            country=node.peer.country,
            node=wording.text(node.title),
            requester=SpType(asking.sp_type),
            named=asking.provider_name,
            loa=judged.loa,
            items=self._items(judged.decision, decided.request, language),
            acting_for=judged.acting_for,
            named_by=wording.register(registers, judged.named_by, self._catalogue),
            minutes=min(left, DECIDED_LIFE) // 60,
        )
        return self._pages.inform(view)

    def _items(self, decision: Decision, request: ServiceRequest, language: str) -> tuple[Item, ...]:
        """The attributes that go, in words."""
        wording, required = self._pages.wording(language), {one.name for one in decision.rulings if one.required}
        items = [
            replace(
                wording.carried(one, self._catalogue, always=one.name in required),
                ticked=one.name in (request.ticked or ()),
            )
            for one in in_registry_order(decision.released, self._catalogue)
        ]
        return tuple(sorted(items, key=_place))

    def missing(self, decided: Decided, language: str) -> tuple[WithheldItem, ...]:
        """Nothing: an answer that lacks something mandatory is refused before."""
        return ()


def _asking(request: ServiceRequest) -> Requester:
    return request.requester or Requester("", "public")


def _place(item: Item) -> tuple[bool, bool]:
    """Names and birth date first, the identifier that nobody can read after them, then what was asked for beside."""
    return not item.required, item.name in IDENTIFIERS
