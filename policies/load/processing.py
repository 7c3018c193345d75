"""The keys of a purpose that say how its data are processed, and how the citizen is asked. Each may be left out."""

import re
from collections.abc import Collection, Mapping

from policies.attributes import AttributeName
from policies.catalogue import Catalogue
from policies.load.table import IDENTIFIER, Table, nearest
from policies.parties import Translated
from policies.purposes import AskMode, AskRule, Basis, Rights, Show, Transfer, TransferBasis

# A duration of ISO 8601 of whole years, months, weeks and days, longer than nothing
_DURATION = re.compile(r"P(?=[1-9])([1-9][0-9]{0,2}Y)?([1-9][0-9]{0,3}M)?([1-9][0-9]{0,3}W)?([1-9][0-9]{0,4}D)?")
_REMEMBER = re.compile(r"remember\(P([1-9][0-9]{0,2})D\)")
# A yes is asked for again after a year at the latest
MAX_REMEMBERED = 365
_ASK_FIX = f'write ask = "each_time", "on_change" or "remember(P180D)", of at most {MAX_REMEMBERED} days.'
_DPV = "https://w3id.org/dpv#"
_TERM = re.compile(r"dpv:[A-Z][A-Za-z0-9]{0,63}")
_DPV_FIX = f'write terms of https://w3id.org/dpv, as "dpv:ServiceProvision" or "{_DPV}ServiceProvision".'
_TRANSFERS = {basis.value: basis for basis in TransferBasis}
_SHOWS = {show.value: show for show in Show}
# Regulation (EU) 2016/679: a task or a duty stands whatever the citizen says; whom art. 21(1) and art. 7(3) are for
_INFORMING = (Basis.PUBLIC_TASK, Basis.LEGAL_OBLIGATION)
_RIGHTS = ("object", "complain", "withdraw")
_RIGHT_OF: Mapping[str, tuple[Basis, ...]] = {
    "object": (Basis.PUBLIC_TASK, Basis.LEGITIMATE_INTERESTS),
    "withdraw": (Basis.CONSENT,),
}


def retention(purpose: Table) -> str:
    """How long the service keeps what it got; "" where the file does not say."""
    fix = 'write retention = "P1Y", "P6M" or "P30D" (ISO 8601): how long the service keeps it.'
    return purpose.matching("retention", _DURATION, fix, default="")


def recipients(purpose: Table) -> tuple[Translated, ...]:
    """Those to whom the service passes it on."""
    fix = 'write recipients = [{ en = "The city\'s treasury" }].'
    return tuple(one.texts_by_language(fix) for one in purpose.tables("recipients", fix))


def rights(purpose: Table, basis: Basis | None) -> Rights | None:
    """Where a citizen objects, complains or withdraws. A right that the basis does not give is a problem."""
    table = purpose.table("rights", 'write [rights] with complain = "https://..." or words.', required=False)
    if table is None:
        return None
    places = {key: table.text(key, f"write where: words or an address, {key} = ...", default="") for key in _RIGHTS}
    for key, place in places.items():
        table.check_readable(key, place)
        if place and basis is not None and basis not in _RIGHT_OF.get(key, Basis):
            what = f"is no right of this: it rests on {basis}."
            table.problem(key, what, "leave it out, or name the basis: " + " or ".join(_RIGHT_OF[key]) + ".")
    table.close()
    return Rights(**places)


def transfers(purpose: Table) -> Mapping[str, Transfer]:
    """`[transfers.SPHERE]`: why the answers of sources in that sphere may go to a service in another one."""
    fix = 'write [transfers.SPHERE] with basis = "standard_contract" and law.en: why answers may leave that sphere.'
    table = purpose.table("transfers", fix, required=False)
    found: dict[str, Transfer] = {}
    for sphere in table.names() if table is not None else ():
        one = table.table(sphere, fix) if table is not None else None
        if one is None:
            continue
        if not IDENTIFIER.fullmatch(sphere):
            one.problem("basis", f"`{sphere}` is no name of a sphere.", fix)
        found[sphere] = Transfer(
            basis=one.choice("basis", _TRANSFERS, TransferBasis.ADEQUACY),
            law=one.translated("law", "Personal Information Protection Law, article 38", lines=True),
            source=one.source("basis"),
        )
        one.close()
    return found


def dpv_purpose(purpose: Table) -> str:
    """The term of its purpose, `dpv:ServiceProvision`; "" where the file names none."""
    return _term(purpose, "dpv_purpose", purpose.text("dpv_purpose", _DPV_FIX, default=""))


def dpv_processing(purpose: Table) -> tuple[str, ...]:
    """The terms of its operations, such as `dpv:Store`."""
    named = purpose.texts("dpv_processing", _DPV_FIX, required="dpv_processing" in purpose)
    return tuple(_term(purpose, "dpv_processing", one, str(index)) for index, one in enumerate(named))


def _term(purpose: Table, key: str, text: str, *within: str) -> str:
    term = "dpv:" + text.removeprefix(_DPV) if text.startswith(_DPV) else text
    if term and not _TERM.fullmatch(term):
        purpose.problem(key, f"`{text}` is no term's name.", _DPV_FIX, *within)
    return term


def never(purpose: Table, catalogue: Catalogue, needs: Collection[AttributeName]) -> tuple[AttributeName, ...]:
    """The attributes that it never needs. One that it needs is a problem."""
    fix = 'write never = ["person_identifier"]: what no later change may add by itself.'
    named = purpose.texts("never", fix, required="never" in purpose)
    for index, name in enumerate(named):
        if name not in catalogue.attributes:
            what = f"`{name}` is not an attribute of the catalogue."
            purpose.problem("never", what, nearest(name, catalogue.attributes), str(index))
        elif name in needs:
            fix = f"leave {name} out of `never`, or remove [attributes.{name}]."
            purpose.problem("never", f"`{name}` is needed by this very purpose.", fix, str(index))
    return tuple(map(AttributeName, named))


def ask_rule(purpose: Table) -> AskRule:
    """How often a citizen who said yes is asked."""
    text = purpose.text("ask", _ASK_FIX, default="") or AskMode.EACH_TIME
    if text in (AskMode.EACH_TIME, AskMode.ON_CHANGE):
        return AskRule(AskMode(text))
    match = _REMEMBER.fullmatch(text)
    if match is None or int(match[1]) > MAX_REMEMBERED:
        purpose.problem("ask", "is spelled in a way that we do not accept.", _ASK_FIX)
        return AskRule()
    return AskRule(AskMode.REMEMBER, int(match[1]))


def show(purpose: Table, basis: Basis | None) -> Show:
    """Whether the page informs or asks. What rests on no task and no duty asks."""
    found = purpose.choice("show", _SHOWS, Show.ASK, required=False)
    if found is Show.INFORM and basis is not None and basis not in _INFORMING:
        what = f"informs without asking, and this rests on {basis}."
        purpose.problem("show", what, 'write show = "ask", or name the basis: ' + " or ".join(_INFORMING) + ".")
    return found


def refusable(purpose: Table, basis: Basis | None) -> bool:
    """Whether a citizen who refuses loses nothing: for consent alone."""
    found = purpose.flag("refusable_without_loss")
    if found and basis not in (None, Basis.CONSENT):
        what = f"is for consent, and this rests on {basis}."
        purpose.problem("refusable_without_loss", what, 'leave it out, or write basis = "consent".')
    return found
