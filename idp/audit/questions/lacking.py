"""Question 3: which releases lack what their purpose demands.

Each is compared with the purpose whose file's hash is in its record, as the history of configurations has it. Its `Lack`:

- `purpose_unknown`: no configuration that was in force had that file
- `other_terms`: the record names another purpose or basis than the file
- `no_approval`: consent is the basis, or the purpose asks, and no answer of the citizen is on record
- `not_remembered`: an earlier approval served, and the purpose asks each time; or the service had it again by a refresh
  token, and the purpose is not for that
- `assurance_too_low`: the person signed in at a level below the purpose's
- `more_than_needed`: an attribute went that the purpose does not need, or in a form that says more
- `required_missing`: an attribute that the purpose requires did not go
- `no_notice`: the record names no page
- `notice_without_text`: the page was in a language in which the purpose has no text

The record has the hash of the page. Its language is found by trying the pages of this program, and of the programs that
made the summaries. `pages_unknown` counts releases whose page is none of these: nothing is said about their language.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import islice, product

from idp.audit.questions.filters import AlikeLogins, SelectedLogins
from idp.ledger.record_contents import RELEASE, DecidedBy
from policies.assurance import level_named
from policies.attributes import AttributeName
from policies.catalogue import Catalogue
from policies.notice import hash_of_notice
from policies.purposes import AskMode, Basis, Purpose, Show
from policies.release import Reason

# A page of many attributes that were not ticked has many forms: so many are tried
_TRIED = 64
# Paths by an earlier approval
_EARLIER = (DecidedBy.REMEMBERED, DecidedBy.UNASKED, DecidedBy.SILENT)


class Lack(StrEnum):
    """Things that a release may lack: stable names."""

    PURPOSE_UNKNOWN = "purpose_unknown"
    OTHER_TERMS = "other_terms"
    NO_APPROVAL = "no_approval"
    NOT_REMEMBERED = "not_remembered"
    ASSURANCE_TOO_LOW = "assurance_too_low"
    MORE_THAN_NEEDED = "more_than_needed"
    REQUIRED_MISSING = "required_missing"
    NO_NOTICE = "no_notice"
    NOTICE_WITHOUT_TEXT = "notice_without_text"


@dataclass(frozen=True, slots=True)
class LackingReleases:
    """So many releases of a service lack this. `policy` is the hash of the purpose's file, `detail` says what exactly."""

    lack: Lack
    service: str
    purpose: str
    policy: str
    detail: str
    releases: int


@dataclass(frozen=True, slots=True)
class ComparedReleases:
    """All that lacks something; how many releases were compared; and by language, how many were shown a page in it."""

    found: tuple[LackingReleases, ...]
    compared: int
    languages: dict[str, int]
    pages_unknown: int


def compare_releases(
    selected: SelectedLogins,
    *,
    purpose_of: Callable[[str], Purpose | None],
    catalogue: Catalogue,
    pages: Collection[str],
    languages: Collection[str],
) -> ComparedReleases:
    """Compare each release with its purpose. `pages` are digests of our pages, in these `languages`.

    A sending node's logins have no purpose.
    """
    purpose_of = cache(purpose_of)
    found: Counter[tuple[Lack, str, str, str, str]] = Counter()
    shown: Counter[str] = Counter()
    compared = 0
    for one in selected.logins:
        if one.way.outcome != RELEASE or not one.terms.purpose:
            continue
        compared += one.logins
        purpose = purpose_of(one.terms.policy)
        language = _language(one, purpose, catalogue, pages, languages) if purpose and one.notice else ""
        shown[language] += one.logins if purpose and one.notice else 0
        lacks = _lacks(one, purpose, catalogue, language) if purpose else [(Lack.PURPOSE_UNKNOWN, "")]
        for lack, detail in lacks:
            found[lack, one.terms.service, one.terms.purpose, one.terms.policy, detail] += one.logins
    unknown = shown.pop("", 0)
    lacking = sorted((LackingReleases(*what, count) for what, count in found.items()), key=lambda each: -each.releases)
    return ComparedReleases(tuple(lacking), compared, dict(sorted(shown.items())), unknown)


def _lacks(one: AlikeLogins, purpose: Purpose, catalogue: Catalogue, language: str) -> Iterator[tuple[Lack, str]]:
    if (one.terms.purpose, one.terms.basis) != (purpose.purpose_id, purpose.basis):
        yield Lack.OTHER_TERMS, f"{purpose.purpose_id}, {purpose.basis}"
    asks = purpose.basis is Basis.CONSENT or purpose.show is Show.ASK
    if asks and one.way.path not in set(DecidedBy) - {DecidedBy.INFORMED}:
        yield Lack.NO_APPROVAL, one.way.path
    by_earlier = one.way.path in _EARLIER and purpose.ask.mode is AskMode.EACH_TIME
    if by_earlier or (one.way.path == DecidedBy.OFFLINE and not purpose.offline):
        yield Lack.NOT_REMEMBERED, one.way.path
    loa = level_named(one.way.loa)
    if loa is None or loa < purpose.minimum_assurance:
        yield Lack.ASSURANCE_TOO_LOW, f"{one.way.loa or 'none'}, not {purpose.minimum_assurance.label}"
    for name, text in one.choice.names:
        need, form = purpose.needs.get(AttributeName(name)), catalogue.form(AttributeName(name), text)
        if need is None or form is None or catalogue.meet(AttributeName(name), form, need.form) != form:
            yield Lack.MORE_THAN_NEEDED, f"{name} as {text}" + (f", not {need.form}" if need else "")
    sent = {name for name, _ in one.choice.names}
    for required in sorted(name for name, need in purpose.needs.items() if need.required and name not in sent):
        yield Lack.REQUIRED_MISSING, required
    if not one.notice:
        yield Lack.NO_NOTICE, ""
    if language and language not in purpose.title:
        yield Lack.NOTICE_WITHOUT_TEXT, language


def _language(
    one: AlikeLogins, purpose: Purpose, catalogue: Catalogue, pages: Collection[str], languages: Collection[str]
) -> str:
    """The language of the page that was shown; "" for a page that we do not know."""
    asked, sent = dict(one.choice.asked), dict(one.choice.names)
    withheld = {name: asked.get(name, "") for name, _ in one.choice.withheld}
    # What was not ticked stood on the page as going, in a form of its own, or as not going if an earlier answer was kept
    unticked = [name for name, reason in one.choice.withheld if reason == Reason.NOT_CHOSEN]
    # Most pages are in a language in which the purpose is written
    likely = sorted(languages, key=lambda each: each not in purpose.title)
    forms = []
    for name in unticked:
        need, form = purpose.needs.get(AttributeName(name)), catalogue.form(AttributeName(name), asked.get(name, ""))
        left = catalogue.meet(AttributeName(name), form, need.form) if need and form else None
        forms.append([str(left), ""] if left else [""])
    for tried in islice(product(*forms), _TRIED):
        going = sent | {name: form for name, form in zip(unticked, tried, strict=True) if form}
        staying = {name: form for name, form in withheld.items() if name not in going}
        for template, language in product(pages, likely):
            if hash_of_notice(template, language, one.terms.purpose, going, staying) == one.notice:
                return language
    return ""
