"""A city's pages: the list of countries, and the question, which an approval answers."""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from itertools import chain

from idp.city import CityRole
from idp.endpoints.receipt import RECEIPT_PATH
from idp.login import Decided
from idp.pages.render import Pages
from idp.pages.sheets import Mark
from idp.pages.views import ApprovalView, Kept, Text, Towards
from idp.pages.wording import text_in
from idp.role import Choices, Reach
from policies.attributes import EXACT, AttributeName
from policies.authentication import Origin, ServiceRequest
from policies.catalogue import Catalogue
from policies.errors import AssertionRejected, PeerUnavailable, RequestRefused, SourceSuspended
from policies.parties import ClientId, IdentityProvider, ProviderId
from policies.release import Decision


class CityScreens:
    """See `idp.endpoints.screens`."""

    towards = Towards.SERVICE
    has_countries = True
    of_the_source = (AssertionRejected, PeerUnavailable, SourceSuspended)

    def __init__(self, *, role: CityRole, pages: Pages, catalogue: Catalogue) -> None:
        self._role = role
        self._pages = pages
        self._catalogue = catalogue

    def service(self, origin: Origin, language: str) -> Text:
        """The title of the relying party."""
        party = self._role.configuration.parties.get(ClientId(origin.service))
        if party is None:
            raise RequestRefused("relying party or purpose is registered no more", oauth="unauthorized_client")
        return text_in(party.title, language)

    def purpose(self, request: ServiceRequest, language: str) -> Text:
        """The title of the purpose."""
        return self._pages.wording(language).text(self._role.registered(request)[1].title)

    def narrowed(self, request: ServiceRequest) -> bool:
        """Whether the service or its purpose names countries."""
        return bool(request.country or self._role.registered(request)[1].countries)

    def only(self, request: ServiceRequest, choices: Choices) -> ProviderId | None:
        """The one country that the service or its purpose names.

        Nothing else skips the list, and no hint does: a country is never chosen for somebody by what is said of them.
        """
        return (
            choices[0][0].provider_id
            if self.narrowed(request) and len(choices) == 1 and choices[0][1] is Reach.OPEN
            else None
        )

    def counted(self, origin: Origin, provider: IdentityProvider | None) -> str:
        """The country that vouches, once it is chosen."""
        return provider.country if provider is not None else ""

    def question(self, decided: Decided, sealed: str, language: str) -> bytes:
        """Purpose, basis, and each attribute with value and reason. Only what is of this login is put in each time."""
        wording = self._pages.wording(language)
        released = [ruling.released for ruling in decided.decision.rulings if ruling.released is not None]
        values = [wording.value(attribute, self._catalogue) for attribute in released]
        # A sheet knows how many lines each value has, and nothing else of it
        lines = tuple(map(len, values))

        def marked(mark: Mark) -> str:
            numbers = iter(range(2, 2 + sum(lines)))
            marks = [tuple(mark(next(numbers)) for _ in range(each)) for each in lines]
            return self._pages.approval(self.view(decided, language, mark(0), mark(1), marks))

        sheet = self._pages.sheets.sheet(_key(decided, language, lines), marked)
        return sheet.filled(decided.login, sealed, *chain.from_iterable(values))

    def missing(self, decided: Decided, language: str) -> tuple[Kept, ...]:
        """What the service cannot do without and that cannot go."""
        return self._pages.wording(language).missing(decided.decision, self._catalogue)

    def view(
        self, decided: Decided, language: str, login: str, sealed: str, values: Sequence[tuple[str, ...]]
    ) -> ApprovalView:
        """What the page is given. `values` are the lines of what would go, in the decision's order."""
        wording, decision = self._pages.wording(language), decided.decision
        party, purpose = self._role.registered(decided.request)
        items = wording.items(decision, purpose, self._catalogue)
        return ApprovalView(
            language=language,
            login=login,
            decided=sealed,
            action=f"/login/{login}/decision",
            rewording=f"/login/{login}/language",
            service=wording.text(party.title),
            purpose=wording.text(purpose.title),
            basis=purpose.basis,
            law=wording.text(purpose.law),
            controller=wording.text(purpose.controller.name),
            contact=purpose.controller.contact,
            loa=decided.judged.loa,
            items=tuple(replace(item, value=lines) for item, lines in zip(items, values, strict=True)),
            kept=wording.kept(decision, self._catalogue),
            arrived=wording.titles(self._stays(decided), self._catalogue),
            receipt=RECEIPT_PATH,
        )

    def _stays(self, decided: Decided) -> list[AttributeName]:
        """What a country's node sent and what does not go on as it came, whether or not it was asked for."""
        rulings = decided.decision.rulings
        whole = {ruling.name for ruling in rulings if ruling.released is not None and ruling.released.form == EXACT}
        arrived = decided.judged.arrived
        return [name for name in arrived if name in self._catalogue.attributes and name not in whole]


def _key(decided: Decided, language: str, lines: tuple[int, ...]) -> Hashable:
    """Everything that the words of the page depend on beside the configuration, and no value."""
    request = decided.request
    return (
        "approval",
        language,
        request.origin.service,
        request.purpose_id,
        decided.judged.loa,
        decided.judged.arrived,
        lines,
        _ruled(decided.decision),
    )


def _ruled(decision: Decision) -> Hashable:
    """Each ruling without its value and without the line of the file that it came from, which no page shows."""
    return tuple(
        [
            (
                ruling.name,
                ruling.asked.name,
                ruling.asked.parameter,
                ruling.reason,
                ruling.required,
                ruling.released and (ruling.released.form.name, ruling.released.form.parameter),
            )
            for ruling in decision.rulings
        ]
    )
