"""Texts for citizens that lack languages, and the other findings of `ciconia policy lint`."""

from collections.abc import Iterator

from idp.doctor.examination import Examination
from idp.doctor.finding import NOTICE, WARNING, DoctorFinding, OtherPlace
from idp.pages.languages import LANGUAGES, spoken
from policies.lint import lint
from policies.lint.finding import WHY
from policies.lint.languages import lacking

CATALOGUES = "idp/pages/locale"
# Kinds that concern every citizen of a service; the others ask for a look
_WARNINGS = frozenset({"registered_unneeded", "unused_attribute"})


def catalogues(_case: Examination) -> Iterator[DoctorFinding]:
    """Finds languages that no page speaks, since their catalogue has a fault."""
    for tag, fault in spoken().left_out.items():
        what, why = f"no page speaks {tag}: {fault}", "Who reads that language gets every page in English."
        yield DoctorFinding(WARNING, CATALOGUES, 0, tag, what, why, "Install Ciconia anew, or mend the catalogue.")


def translations(case: Examination) -> Iterator[DoctorFinding]:
    """Finds texts that lack languages: one notice for all of a file that lack the same, on the line of the first."""
    for one in lacking(case.files, LANGUAGES):
        (line, key), *others = one.places
        also = tuple(OtherPlace(*place) for place in others)
        yield DoctorFinding(NOTICE, one.file, line, key, one.what, WHY["missing_language"], one.fix, also=also)


def policy(case: Examination) -> Iterator[DoctorFinding]:
    """Finds what purposes and registrations allow, and nobody should want."""
    silent = frozenset(_gaps(case))
    for one in lint(case.configuration, case.files):
        if not one.accepted and one.source.file not in silent:
            severity = WARNING if one.code in _WARNINGS else NOTICE
            yield severity(one.source, one.key, one.what, one.why, one.fix)


def _gaps(case: Examination) -> Iterator[str]:
    """Files with a fault among their attributes, and registrations of such purposes: nobody can say what is needed."""
    faulty = {one.file for one in case.configuration_problems if one.key.startswith("attributes")}
    yield from faulty
    files = {purpose_id: purpose.source.file for purpose_id, purpose in case.configuration.purposes.items()}
    for party in case.configuration.parties.values():
        if not faulty.isdisjoint(files.get(one, "") for one in party.purposes):
            yield party.source.file
