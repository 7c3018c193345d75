"""`ciconia demo --countries`: a citizen and a company's representative of four countries, each of which speaks another way.

Each walk is judged by what the service got: nothing here says how it ends.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from idp.audit.verify import verify_ledger
from idp.config.settings import load_settings
from idp.demo.border import Border, Land, LandProfile, known_to
from idp.demo.browser import WalkError
from idp.demo.citizens import AUSTRIANS, BULGARIANS, CITIZENS, PORTUGUESE, representative
from idp.demo.city import PERMIT
from idp.demo.walk import walk
from idp.demo.walked import Walked, Weakened
from idp.keys.ledger_files import load_ledger_keys
from idp.store.engine import disposed, open_engine
from policies.parties import EntityId

PERSONS = ("natural", "representative")
# What a person for themself is told of, whatever their country, and what it is a weaker form of
NEED = {"age_over_18": True}
WEAKENED = Weakened("birthdate", "exact", "age_over(18)", "least_sufficient")
COMPANIES = {
    "EE": "Kalda Laevad OÜ",
    "BG": "Kraybrezhie EOOD",
    "PT": "Estaleiros do Tejo Lda",
    "AT": "Donauhafen GmbH",
}


def _land(code: str, name: str, ports: tuple[int, int], profile: LandProfile, *, notified: bool = True) -> Land:
    one = {"EE": CITIZENS, "BG": BULGARIANS, "PT": PORTUGUESE, "AT": AUSTRIANS}[code][0]
    return Land(code, name, ports, (one, representative(one, COMPANIES[code])), notified=notified, profile=profile)


COUNTRIES = (
    _land("EE", "Estonia", (8401, 8403), LandProfile.EIDAS_1_4),
    _land("BG", "Bulgaria", (8404, 8405), LandProfile.EIDAS_1_2, notified=False),
    _land("PT", "Portugal", (8409, 8410), LandProfile.STORK_2_0),
    _land("AT", "Austria", (8411, 8412), LandProfile.MIDDLEWARE),
)


@dataclass(frozen=True, slots=True)
class CountryWalk:
    """A walk of one person of a country: what was released, and each way in which it is not as it has to be."""

    land: Land
    person: str
    walked: Walked | None
    faults: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """The names that crossed to the city's node, and from there to the service; nothing of a walk that did not end."""
        hops = self.walked.as_json(show_values=False)["hops"] if self.walked else {}
        return {"profile": str(self.land.profile), "person": self.person, "hops": hops}


def walk_countries(border: Border, told: Callable[[str], object]) -> tuple[CountryWalk, ...]:
    """Walks a citizen for themself, and for their company, from each country. A walk that fails stops no other."""
    found: list[CountryWalk] = []
    subs: set[object] = set()
    for land in border.lands:
        told(f"Signing a citizen of {land.name} in, for themself and for their company ({land.profile})")
        spoken = tuple(_other_versions(border, land))
        for one, person in zip(land.citizens, PERSONS, strict=True):
            try:
                walked = walk(border, country=land.code, citizen=one.key, service=PERMIT, own_page=False)
            except WalkError as error:
                found.append(CountryWalk(land, person, None, (*spoken, str(error))))
                continue
            faults = tuple(faults_of(walked, COMPANIES[land.code] if person == "representative" else ""))
            if (sub := walked.released["sub"][1]) in subs:
                faults = (*faults, "the service cannot tell them from somebody else")
            subs.add(sub)
            found.append(CountryWalk(land, person, walked, (*spoken, *faults)))
    return tuple(found)


def faults_of(walked: Walked, company: str) -> Iterator[str]:
    """In which ways the service did not get exactly what it needs: of a person, or of one who acts for this company."""
    acting = {"person_kind": "for_legal", "legal_name": company, "mandate_may_act": {"harbour-permit": True}}
    given = {name: value for name, (_, value) in walked.released.items() if name != "sub"}
    if given != {**NEED, **(acting if company else {})}:
        yield f"the service got something else than it needs: {', '.join(given)}"
    if WEAKENED not in walked.weakened:
        yield "the birth date was not weakened"
    if not walked.services[0].granted:
        yield "the service did not give the permit"


def broken_ledgers(border: Border) -> tuple[str, ...]:
    """The hosts of the nodes whose whole record does not verify."""
    found = []
    for folder in (border.receiving, *border.sending.values()):
        settings = load_settings(folder)
        with disposed(open_engine(settings.database_url)) as engine:
            keys = load_ledger_keys(settings.key_folder, settings.origin)
            if verify_ledger(engine, tenant=settings.tenant, keys=keys).findings:
                found.append(str(settings.tenant))
    return tuple(found)


def _other_versions(border: Border, land: Land) -> Iterator[str]:
    """Where the city's node did not hear the version of eIDAS that this country is here for."""
    if land.profile.stork:
        return
    with known_to(border.receiving) as copies:
        held = copies.held(EntityId(f"{border.nodes[land.code]}/eidas/metadata"))
    newest = max(held.facts.versions, default="") if held else ""
    if str(land.profile) != f"eidas-{newest}":
        yield f"its metadata names {newest or 'no version'}"
