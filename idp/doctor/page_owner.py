"""Whether citizens' pages say who runs them."""

from collections.abc import Iterator

from idp.doctor.examination import Examination
from idp.doctor.finding import NOTICE, DoctorFinding

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
