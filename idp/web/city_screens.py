"""A city's pages: the list of countries, and the question, which an approval answers."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from idp.ledger.record_contents import DecidedBy
from idp.login.city_role import CityRole
from idp.login.eligible import minimum_level, offered_to_tick
from idp.login.registers import source_of
from idp.login.role import Choices, Reach
from idp.login.states import DECIDED_LIFE, LOGIN_LIFE, Decided
from idp.pages.picker_view import OfferedBox, OfferedSource
from idp.pages.render import Pages
from idp.pages.views import ApprovalView, BlockedView, Text, Towards, WithheldItem
from idp.pages.wording import text_in
from idp.web.for_whom import for_whom
from idp.web.routes.receipt import RECEIPT_PATH
from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, AttributeName
from policies.authentication import AskedAttribute, Origin, ServiceRequest
from policies.catalogue import Catalogue
from policies.errors import AssertionRejected, PeerUnavailable, RequestRefused, SourceSuspended
from policies.parties import ClientId, IdentityProvider, ProviderId
from policies.release import choose


class CityScreens:
    """See `idp.web.site`."""

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
        """Whether the service or its purpose names countries, or the service identity providers."""
        return bool(request.country or request.scoping.providers or self._role.registered(request)[1].countries)

    def leaves_out(self, request: ServiceRequest) -> bool:
        """Whether some are not sure enough for this sign-in."""
        return self._role.eligible.leaves_out(request)

    def needed(self, request: ServiceRequest) -> LevelOfAssurance:
        """The level of the request and of its purpose."""
        return minimum_level(request, self._role.registered(request)[1])

    def only(self, request: ServiceRequest, choices: Choices) -> ProviderId | None:
        """The one country that the service or its purpose names, or the one that is sure enough for them.

        Nothing else skips the list, and no hint does: a country is never chosen for somebody by what is said of them.
        """
        if len(choices) != 1 or choices[0][1] is not Reach.OPEN or choices[0][0].members:
            return None
        return choices[0][0].provider_id if self.narrowed(request) or self.leaves_out(request) else None

    def offers(self, request: ServiceRequest, asked: Sequence[IdentityProvider], language: str) -> tuple[OfferedBox, ...]:
        """A box for each optional attribute for which one of these providers, or a register, would be asked.

        And the sources of each attribute that has several: nobody chooses one for the citizen.
        """
        party, purpose = self._role.registered(request)
        wording, registers, catalogue = self._pages.wording(language), self._role.configuration.registers, self._catalogue
        optional = offered_to_tick(request, party, purpose, asked, catalogue)
        required = [
            one
            for one in request.asked
            if one.name in party.attributes
            and (need := purpose.needs.get(one.name))
            and need.required
            and len(need.sources) > 1
        ]

        def box(one: AskedAttribute) -> OfferedBox:
            need = purpose.needs[one.name]
            chosen = source_of(request, one.name, need)
            several = need.sources if len(need.sources) > 1 else ()
            return OfferedBox(
                one.name,
                wording.asked(one.name, one.form, catalogue),
                wording.why(purpose, one.name),
                one.name in (request.ticked or ()),
                None if several else wording.register(registers, need.sources[0], catalogue),
                tuple(
                    OfferedSource(each, wording.register(registers, each, catalogue), each == chosen) for each in several
                ),
                need.required,
            )

        return tuple(map(box, (*required, *optional)))

    def counted(self, origin: Origin, provider: IdentityProvider | None) -> str:
        """The country that vouches, once it is chosen."""
        return provider.country if provider is not None else ""

    def question(self, decided: Decided, sealed: str, language: str, left: int) -> bytes:
        """Purpose, basis, and each attribute with value and reason; of a login that we end, why."""
        if decided.judged.instead:
            known, service = self._role.configuration, self.service(decided.request.origin, language)
            of = known.registers, self._catalogue
            return for_whom(self._pages, decided, sealed, language, left, service, of).encode()
        if short := self._role.short_of(decided):
            return self._ended(decided, sealed, language, short)
        wording, decision = self._pages.wording(language), decided.decision
        if decided.shared is not None:
            decision = choose(decision, decided.shared)
        party, purpose = self._role.registered(decided.request)
        released = [ruling.released for ruling in decision.rulings if ruling.released is not None]
        values = [wording.value(attribute, self._catalogue) for attribute in released]
        items = wording.items(decision, purpose, self._catalogue)
        view = ApprovalView(
            language=language,
            login=decided.login,
            decided=sealed,
            action=f"/login/{decided.login}/decision",
            rewording=f"/login/{decided.login}/language",
            minutes=min(left, DECIDED_LIFE) // 60,
            longer=not decided.more and decided.end < decided.judged.until(decided.began + LOGIN_LIFE),
            service=wording.text(party.title),
            purpose=wording.text(purpose.title),
            basis=purpose.basis,
            informs=decided.path is DecidedBy.INFORMED,
            shortened=decided.shared is not None,
            earlier=wording.language.date(_day(decided.earlier.given)) if decided.earlier else "",
            remembers=wording.remembers(purpose.ask),
            refusable=purpose.refusable_without_loss,
            away=wording.away(purpose),
            vouchers=self._role.vouchers(decided),
            acting_for=decided.judged.acting_for,
            named_by=wording.register(self._role.configuration.registers, decided.judged.named_by, self._catalogue),
            transfer=wording.text(purpose.transfers[decided.judged.transfer[0]].law) if decided.judged.transfer else None,
            further=wording.further(purpose, decision),
            law=wording.text(purpose.law),
            controller=wording.text(purpose.controller.name),
            contact=purpose.controller.contact,
            loa=decided.judged.loa,
            # What was ticked before goes again without a box
            items=tuple(
                replace(
                    item,
                    value=lines,
                    required=item.required or decided.shared is not None,
                    ticked=item.name in decided.ticked,
                    source=wording.register(self._role.configuration.registers, one.register, self._catalogue),
                )
                for item, lines, one in zip(items, values, released, strict=True)
            ),
            kept=wording.kept(decision, self._catalogue),
            arrived=wording.titles(self._stays(decided), self._catalogue),
            crossed=(source := self._role.configuration.providers.get(decided.provider_id)) is not None
            and source.peer is not None,
            receipt=RECEIPT_PATH,
        )
        return self._pages.approval(view).encode()

    def _ended(self, decided: Decided, sealed: str, language: str, short: Collection[AttributeName]) -> bytes:
        """The page whose button refuses: everything after it is as of a citizen who refused."""
        refuses = next(iter(self._role.refusal_words(decided.path)))
        view = BlockedView(
            language,
            self.service(decided.request.origin, language),
            fields=(("login", decided.login), ("decided", sealed), ("choice", refuses)),
            missing=self._pages.wording(language).missing(decided.decision, short, self._catalogue),
            action=f"/login/{decided.login}/decision",
            rewording=f"/login/{decided.login}/language",
        )
        return self._pages.blocked(view).encode()

    def missing(self, decided: Decided, language: str) -> tuple[WithheldItem, ...]:
        """The titles of what the service requires and cannot get."""
        return self._pages.wording(language).missing(decided.decision, decided.decision.blocked, self._catalogue)

    def _stays(self, decided: Decided) -> list[AttributeName]:
        """The names of what the country sent and what does not go on as it came, asked for or not."""
        rulings = decided.decision.rulings
        whole = {ruling.name for ruling in rulings if ruling.released is not None and ruling.released.form == EXACT}
        return [name for name in decided.judged.arrived if name not in whole]


def _day(seconds: int) -> str:
    """The date (UTC) of seconds since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
