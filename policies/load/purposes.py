"""`purposes/*.toml`: one file a purpose, written for a lawyer to read and to sign."""

from collections.abc import Collection, Iterator, Mapping
from hashlib import sha256

from policies.attributes import EXACT, AttributeName, Form
from policies.catalogue import Catalogue
from policies.forms import is_predicate
from policies.load import processing
from policies.load.matching import read_matching
from policies.load.table import COUNTRY, Table, nearest
from policies.parameters import MAX_ENTRIES, MAX_TEXT
from policies.parties import PurposeId, RegisterId
from policies.purposes import MOST_ACROSS_DEVICES, SIGN_IN, AskMode, Basis, Controller, Need, Purpose, Show, TransferBasis

_BASES: Mapping[str, Basis | None] = {basis.value: basis for basis in Basis}


def form_of(table: Table, key: str, name: AttributeName, text: object, catalogue: Catalogue) -> Form:
    """A form of an attribute, as a file spells it; a problem where the attribute has no such form."""
    form = catalogue.form(name, text) if isinstance(text, str) else None
    if form is None:
        if isinstance(text, str) and text.count(",") >= MAX_ENTRIES:
            table.problem(key, f"the list has {text.count(',') + 1} entries.", f"write at most {MAX_ENTRIES}.")
            return EXACT
        what = f"`{_short(text)}` is no form of {name}." if isinstance(text, str) else "the form must be text."
        table.problem(key, what, "write one of " + ", ".join(catalogue.spellings(name)) + ".")
    elif form.name == "resident_of" and COUNTRY.fullmatch(form.parameter):
        # It compares with the town alone, and would say of everybody that they live elsewhere
        table.problem(key, f"`{text}` names a country, and no town has this name.", "write `country`, or the town's name.")
    elif strange := catalogue.beyond(name, form):
        table.problem(key, f"{strange[0]!r} is no value of {name}.", nearest(strange[0], catalogue.attributes[name].values))
    return form or EXACT


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."


def known_attributes(table: Table | None, known: Collection[str]) -> Iterator[tuple[Table, str, AttributeName]]:
    """The table, the key and the attribute, for each key of a table that names an attribute; any other is a problem."""
    if table is None:
        return
    for key in table.names():
        if key in known:
            yield table, key, AttributeName(key)
        else:
            table.problem(key, "is not an attribute of the catalogue.", nearest(key, known))


def read_purpose(table: Table, content: bytes, catalogue: Catalogue) -> Purpose:
    """One purpose; its `examples` are read by `policies.load.examples`. Problems go to the table's list."""
    basis = "say on which basis of GDPR art. 6(1) this rests: basis = one of "
    if "basis" not in table:
        table.problem("basis", "is missing: there is no legal basis.", basis + ", ".join(_BASES) + ".")
    found = table.choice("basis", _BASES, None, required="basis" in table)
    needs = _needs(table, catalogue)
    purpose = Purpose(
        purpose_id=PurposeId(table.identifier("id")),
        title=table.translated("title", "Resident parking permit"),
        basis=found or Basis.CONSENT,
        law=table.translated("law", "Parking Ordinance of Storkhaven, section 12", lines=True),
        controller=read_controller(table),
        needs=needs,
        minimum_assurance=table.level("minimum_assurance"),
        digest=sha256(content).hexdigest(),
        source=table.source("id"),
        countries=_countries(table),
        retention=processing.retention(table),
        recipients=processing.recipients(table),
        rights=processing.rights(table, found),
        dpv_purpose=processing.dpv_purpose(table),
        dpv_processing=processing.dpv_processing(table),
        never=processing.never(table, catalogue, needs),
        ask=processing.ask_rule(table),
        show=processing.show(table, found),
        refusable_without_loss=processing.refusable(table, found),
        cross_device=table.flag("cross_device"),
        offline=table.flag("offline"),
        transfers=processing.transfers(table),
        persons=table.persons(),
        matching=read_matching(table),
    )
    if purpose.cross_device and purpose.minimum_assurance > MOST_ACROSS_DEVICES:
        what = f"is for at most {MOST_ACROSS_DEVICES.label}: nobody sees who reads the code off a kiosk's screen."
        table.problem("cross_device", what, "leave it out, or ask for less assurance.")
    grounds = [one.basis for one in purpose.transfers.values()]
    if purpose.show is Show.INFORM and TransferBasis.EXPLICIT_CONSENT in grounds:
        what = "informs without asking, and a transfer rests on explicit consent."
        table.problem("show", what, 'write show = "ask", or name another ground in [transfers].')
    if purpose.offline and purpose.ask.mode is AskMode.EACH_TIME:
        what = "rests on an approval that is remembered, since nobody can take another one back."
        table.problem("offline", what, 'write ask = "remember(P30D)" beside it, or leave it out.')
    table.close()
    return purpose


def _countries(purpose: Table) -> tuple[str, ...]:
    """The countries whose citizens it is for. An empty list would be for nobody, which nobody means: it is a problem."""
    fix = 'write countries = ["EE", "LV"] (ISO 3166-1 alpha-2), or leave it out for every country that is connected.'
    named = purpose.texts("countries", fix, required="countries" in purpose)
    for index, country in enumerate(named):
        if not COUNTRY.fullmatch(country):
            purpose.problem("countries", f"{country!r} is no country's two capital letters.", fix, str(index))
    return named


def read_controller(holder: Table) -> Controller:
    """The party that answers for what a file describes, and how to reach it."""
    table = holder.table("controller", "write [controller] with name.en and contact: who answers for it.")
    if table is None:
        return Controller({}, "")
    name = table.translated("name", "City of Storkhaven")
    contact = table.text("contact", 'write contact = "privacy@storkhaven.example": where people reach them.')
    table.check_readable("contact", contact)
    table.close()
    return Controller(name, contact)


def _sources(table: Table) -> tuple[RegisterId, ...]:
    """Where an attribute may come from; whoever signs the person in where the file does not say."""
    fix = f'write from = "population", the id of a register, or several, of which the citizen chooses: "{SIGN_IN}" is one.'
    if "from" not in table:
        return (SIGN_IN,)
    named = table.texts("from", fix) if table.is_list("from") else tuple(filter(None, [table.text("from", fix)]))
    return tuple(map(RegisterId, named)) or (SIGN_IN,)


def _handed(table: Table, catalogue: Catalogue) -> tuple[AttributeName, ...]:
    """The attributes that a register is handed."""
    named = table.texts(
        "hand_over", 'write hand_over = ["person_identifier"]: all that a register is told.', required="hand_over" in table
    )
    for index, name in enumerate(named):
        if name not in catalogue.attributes:
            what = f"`{name}` is not an attribute of the catalogue."
            table.problem("hand_over", what, nearest(name, catalogue.attributes), str(index))
    return tuple(map(AttributeName, named))


def _needs(purpose: Table, catalogue: Catalogue) -> Mapping[AttributeName, Need]:
    needs: dict[AttributeName, Need] = {}
    attributes = purpose.table("attributes", "write [attributes.NAME] for each attribute.", required=False)
    for holder, key, name in known_attributes(attributes, catalogue.attributes):
        table = holder.table(key, "write [attributes.NAME] with form, why.en and, if so, required = true.")
        if table is None:
            continue
        text = table.text("form", "write form = one of " + ", ".join(catalogue.spellings(name)) + ".")
        needs[name] = need = Need(
            form=form_of(table, "form", name, text, catalogue) if text else EXACT,
            why=table.translated("why", "Permits are for adults.", lines=True),
            required=table.flag("required"),
            source=table.source("form"),
            must_be_true=table.flag("must_be_true"),
            sources=_sources(table),
            hand_over=_handed(table, catalogue),
            minimum_assurance=table.level("minimum_assurance") if "minimum_assurance" in table else None,
        )
        if need.hand_over and not need.registers:
            table.problem("hand_over", "goes to a register, and none is named.", 'write from = "population" beside it.')
        if need.must_be_true and not is_predicate(need.form):
            what = f"is for a yes or a no, and `{need.form}` is neither."
            table.problem("must_be_true", what, "leave it out, or write a form that is answered yes or no.")
        elif need.must_be_true and not need.required:
            table.problem("must_be_true", "is of no use for what need not come.", "write required = true beside it.")
        table.close()
    return needs
