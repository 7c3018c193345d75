"""Whether citizens' pages say who runs them, and whether people can read them in the operator's colours."""

from collections.abc import Iterator

from idp.doctor.examination import Examination
from idp.doctor.finding import NOTICE, DoctorFinding
from idp.pages.theme import THEME_FILE, read_theme

_WHY = (
    "The law asks for a privacy notice (GDPR art. 13) and an accessibility statement (Directive (EU) 2016/2102), and "
    "people ask for help."
)
_SAID = ("privacy_url", "accessibility_url", "help_url")


def owner(case: Examination) -> Iterator[DoctorFinding]:
    """Finds pages that nobody owns: one notice that names what their foot lacks."""
    if case.settings.demo or not case.knows("demo", "organization"):
        return
    said = case.settings.organization
    if said is None:
        fix = "Write [organization] with name, url, support, technical, privacy_url, accessibility_url and help_url."
        yield case.setting(NOTICE, "organization", "citizens' pages do not say who runs them.", why=_WHY, fix=fix)
    elif lacking := [each for each in _SAID if not getattr(said, each)]:
        what = f"citizens' pages have no link for {', '.join(lacking)}."
        fix = f"Write {', '.join(lacking)} there, each an https address."
        yield case.setting(NOTICE, "organization", what, why=_WHY, fix=fix)


_UNREADABLE = (
    "Everybody must be able to read a public body's pages (Directive (EU) 2016/2102, EN 301 549), and `ciconia serve` does "
    "not start with it."
)
_LOGO = "People know a public body by its logo. Without it the pages show a stork."


def theme(case: Examination) -> Iterator[DoctorFinding]:
    """Finds faults of theme.toml and its logo, and pages that show no logo."""
    found, problems = read_theme(case.folder)
    for problem in problems:
        yield case.of_problem(problem, _UNREADABLE)
    if not problems and found.logo is None and not case.settings.demo and case.knows("demo"):
        fix = f'Put logo.svg or logo.png beside {THEME_FILE}, and write logo = "logo.svg" there.'
        yield NOTICE(THEME_FILE, "logo", "citizens' pages show no logo.", _LOGO, fix)
