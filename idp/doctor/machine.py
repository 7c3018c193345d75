"""The machine: libraries that share memory, free disk, and what a browser keeps behind this base address."""

from collections.abc import Iterator
from pathlib import Path

from connectors.signatures.second_opinion import WORTH
from idp.doctor.case import Case
from idp.doctor.finding import Finding, Severity
from idp.doctor.opinions import silent_algorithms
from idp.doctor.postgres import is_postgres_url
from idp.store.engine import database_file
from policies.errors import Misconfigured

GIB = 1024**3
LEAST_FREE, LEAST_SHARE = GIB, 20  # 1 GiB, and a twentieth


def libraries(case: Case) -> Iterator[Finding]:
    """Both lxml and xmlsec hand trees to each other by pointer: their libxml2 must agree in major.minor.

    Only then is xmlsec asked whether it can judge what our own code accepts.
    """
    lxml, xmlsec = case.machine.libxml2()
    if lxml[:2] != xmlsec[:2]:
        ours, theirs = (".".join(map(str, version)) for version in (lxml, xmlsec))
        what = f"lxml has libxml2 {ours}, and xmlsec has {theirs}."
        why = "They share trees in memory: a node that one reads as the other did not write it is a crash, or worse."
        fix = "Install both from the wheels of requirements.lock."
        yield Finding(Severity.ERROR, "environment", 0, "libxml2", what, why, fix)
    elif silent := silent_algorithms():
        what = f"the installed libxmlsec gives no opinion on {', '.join(silent)}."
        why = f"Metadata that is signed so is refused. Its opinion is {WORTH}: silence is no agreement."
        yield Finding(
            Severity.WARNING, "environment", 0, "xmlsec", what, why, "Install xmlsec from the wheel of requirements.lock."
        )


def disk(case: Case) -> Iterator[Finding]:
    """Room for the record. Where PostgreSQL keeps it is not ours to see."""
    if is_postgres_url(case.settings.database_url):
        return
    try:
        path = database_file(case.settings.database_url)
    except Misconfigured:
        path = case.folder
    place = next((one for one in (path.parent, *path.parents) if one.is_dir()), Path("/"))
    total, free = case.machine.disk(place)
    if free < LEAST_FREE or free * LEAST_SHARE < total:
        what = f"{free / GIB:.1f} GiB of {total / GIB:.1f} are free where the database lies."
        why = "When it is full nothing can be recorded, and so nothing is released."
        yield case.setting(
            Severity.WARNING, "database", what, why=why, fix="Make room, or move the database to a larger disk."
        )


def cookies(case: Case) -> Iterator[Finding]:
    """Every cookie of ours is `__Host-`: browsers keep it from https, and some of them from localhost too.

    Any other address of http is refused with the settings.
    """
    if case.knows("issuer") and case.settings.issuer.startswith("http://"):
        what = "Safari keeps no Secure cookie from http, not even from localhost."
        why = "A login in Safari ends with the words that it began in another browser."
        yield case.setting(Severity.NOTICE, "issuer", what, why=why, fix="Show the demo in Chromium or Firefox.")
