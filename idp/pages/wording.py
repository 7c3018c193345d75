"""Says a decision in one language: attributes, forms, values, reasons, errors.

On their way to a page values pass through this module alone.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain

from idp.pages.languages import ENGLISH, Language
from idp.pages.views import Further, Item, RegisterText, Text, WithheldItem
from policies.attribute_register import AttributeRegister
from policies.attributes import EXACT, Address, Attribute, AttributeName, Form, Value
from policies.catalogue import ABOUT_A_PERSON, Catalogue
from policies.forms import FORMS as OF_KINDS
from policies.forms import AttributeKind, parse_form, said_parameter
from policies.identifiability import POPULATION, about_one_in, bits_released
from policies.mandates import Mandate, read_mandates
from policies.parameters import entries
from policies.parties import RegisterId, Translated
from policies.purposes import AskMode, AskRule, Purpose
from policies.registrations.client_tokens import LONGEST_REFRESH_LIFE
from policies.release import Decision, Reason, Ruling, choose

# The values of `gender` that have phrases
GENDERS = frozenset({"male", "female"})
# Forms with phrases of their own: `form.NAME.title` and `form.NAME.only`
FORMS = frozenset[str]().union(*OF_KINDS.values()) - {EXACT.name}


class Move(StrEnum):
    """The party that has to act after an error."""

    CITIZEN = "citizen"
    SERVICE = "service"
    PROVIDER = "provider"
    OPERATOR = "operator"
    SUSPENSION = "suspension"  # the operator, too, but not within minutes
    NODE = "node"
    REGISTER = "register"


# Every code that has a page: first those of `policies.errors`, then those of the endpoints
MOVES: Mapping[str, Move] = {
    "internal": Move.OPERATOR,
    "request_refused": Move.SERVICE,
    "node_request_refused": Move.NODE,
    "assertion_rejected": Move.PROVIDER,
    "assurance_too_low": Move.CITIZEN,
    "authentication_failed": Move.CITIZEN,
    "other_person": Move.CITIZEN,
    "person_not_taken": Move.CITIZEN,
    "replayed": Move.CITIZEN,
    "erasure_refused": Move.CITIZEN,
    "grant_refused": Move.OPERATOR,
    "release_denied": Move.SERVICE,
    "conflict": Move.CITIZEN,
    "not_found": Move.CITIZEN,
    "store_unavailable": Move.OPERATOR,
    "keys_revoked": Move.OPERATOR,
    "keys_unavailable": Move.OPERATOR,
    "country_unavailable": Move.PROVIDER,
    "register_unavailable": Move.REGISTER,
    "service_suspended": Move.SUSPENSION,
    "country_suspended": Move.SUSPENSION,
    "not_sent": Move.OPERATOR,
    "misconfigured": Move.OPERATOR,
    "cookies_blocked": Move.CITIZEN,
    "started_elsewhere": Move.CITIZEN,
    "login_ended": Move.CITIZEN,
    "other_site": Move.CITIZEN,
    "too_large": Move.CITIZEN,
    "service_lacks_data": Move.SERVICE,
    "service_wants_more": Move.CITIZEN,
    "service_turned_away": Move.SERVICE,
    "busy": Move.OPERATOR,
    "too_many": Move.OPERATOR,
}


# A page must not tell a bad signature from another bad answer: only the log knows the difference
SHOWN_AS: Mapping[str, str] = {"signature_invalid": "assertion_rejected"}


def known_code(code: str) -> str:
    """The code that a page shows for this one: mostly the same, `internal` if it has no page."""
    shown = SHOWN_AS.get(code, code)
    return shown if shown in MOVES else "internal"


def text_in(translated: Translated, language: str) -> Text:
    """The text in this language, else in English, else in any language. The result names its language.

    Metadata of others has tags in small letters, and `zh` for what we call `zh-Hans`.
    """
    for tag in (language, language.lower(), language.partition("-")[0], ENGLISH, *sorted(translated)):
        if translated.get(tag):
            return Text(text=translated[tag], language=tag)
    return Text(text="", language=language)


@dataclass(frozen=True, slots=True)
class Wording:
    """Puts decisions and values into words of one language."""

    language: Language

    def text(self, translated: Translated) -> Text:
        """A configuration's text, in the reader's language if it has it. A text of ours is in every language."""
        ours = self.language.ours.get(translated.get(ENGLISH, "")) if len(translated) == 1 else None
        return Text(ours, self.language.tag) if ours else text_in(translated, self.language.tag)

    def register(
        self, registers: Mapping[RegisterId, AttributeRegister], register_id: str, catalogue: Catalogue
    ) -> RegisterText | None:
        """A register, and what it is told; None where it is none."""
        found = registers.get(RegisterId(register_id))
        if found is None:
            return None
        return RegisterText(self.text(found.title), tuple(self._title(catalogue, name) for name in found.found_by))

    def items(self, decision: Decision, purpose: Purpose, catalogue: Catalogue) -> tuple[Item, ...]:
        """The attributes that would go, in the decision's order."""
        return tuple(self.item(ruling, purpose, catalogue) for ruling in decision.rulings if ruling.released is not None)

    def kept(self, decision: Decision, catalogue: Catalogue) -> tuple[WithheldItem, ...]:
        """The attributes that were asked for and do not go, in the decision's order."""
        return self.withheld(((one.name, one.reason.value) for one in decision.rulings if one.released is None), catalogue)

    def missing(
        self, decision: Decision, names: Collection[AttributeName], catalogue: Catalogue
    ) -> tuple[WithheldItem, ...]:
        """The attributes for want of which a login ends. One that does not go has its reason, any other is answered no."""
        found: list[WithheldItem] = []
        for one in decision.rulings:
            if one.name in names and one.released is None:
                found += self.withheld([(one.name, one.reason.value)], catalogue)
            elif one.name in names and one.released is not None:
                title = Text(self._say_form("title", one.name, one.released.form, catalogue), self.language.tag)
                found.append(WithheldItem(title, self.language.say("refused.answered_no"), one.name, "answered_no"))
        return tuple(found)

    def item(self, ruling: Ruling, purpose: Purpose, catalogue: Catalogue) -> Item:
        """One attribute that would go. Raises ValueError for a ruling that releases nothing."""
        if ruling.released is None:
            raise ValueError(f"{ruling.name} does not go")
        title = self._title(catalogue, ruling.name)
        form = ruling.released.form
        whole = form == EXACT
        return Item(
            name=ruling.name,
            title=self.asked(ruling.name, form, catalogue),
            value=self.value(ruling.released, catalogue),
            only="" if whole else self._say_form("only", ruling.name, form, catalogue),
            # If the source has no more than this, nothing stays behind
            stays=None if whole or ruling.reason is Reason.SOURCE_HAS_LESS else title,
            why=self.why(purpose, ruling.name),
            required=ruling.required,
            asked=str(ruling.asked),
            form=str(form),
            claim=catalogue.claim_for(ruling.name, form) if ruling.name in catalogue.attributes else "",
            code=ruling.reason.value,
        )

    def asked(self, name: AttributeName, form: Form, catalogue: Catalogue) -> Text:
        """The title of an attribute in a form: `Address`, `Are you 18 or older?`."""
        if form == EXACT:
            return self._title(catalogue, name)
        return Text(self._say_form("title", name, form, catalogue), self.language.tag)

    def why(self, purpose: Purpose, name: AttributeName) -> Text:
        """The words of a purpose about why it needs an attribute."""
        need = purpose.needs.get(name)
        return self.text(need.why) if need else Text(text="", language=self.language.tag)

    def carried(self, one: Attribute, catalogue: Catalogue, *, always: bool) -> Item:
        """One attribute that goes to another country's node: whole, or as an answer of yes or no."""
        return Item(
            name=one.name,
            title=self.asked(one.name, one.form, catalogue),
            value=self.value(one, catalogue),
            only="",
            stays=None,
            why=Text(text="", language=self.language.tag),
            required=always,
            asked=str(one.form),
            form=str(one.form),
        )

    def away(self, purpose: Purpose) -> str:
        """How long a service can have the same again without the citizen, at most; "" where it cannot."""
        return self.language.duration(f"P{LONGEST_REFRESH_LIFE // (24 * 3600)}D") if purpose.offline else ""

    def further(self, purpose: Purpose, decision: Decision) -> Further:
        """How much it tells, how long it is kept, who gets it, and the citizen's rights."""
        rights = asdict(purpose.rights).items() if purpose.rights else ()
        return Further(
            tells=tuple(self._tells(decision)),
            retention=self.language.duration(purpose.retention),
            recipients=tuple(map(self.text, purpose.recipients)),
            rights=tuple((key, where) for key, where in rights if where),
        )

    def _tells(self, decision: Decision) -> Iterator[str]:
        """How much goes in any case, and how much with every box ticked. An answer does not change the figures."""
        least, most = (about_one_in(bits_released(each)) for each in (choose(decision, ()), decision))
        for key, people, before in (("tells", least, 1), ("tells_more", most, least)):
            if people >= POPULATION > before:
                yield self.language.say(f"approval.{key}_apart")
            elif people > before:
                yield self.language.say(f"approval.{key}", people=self.language.about(people))

    def remembers(self, ask: AskRule) -> str:
        """The label of the box that lets us remember an approval; "" where the purpose asks each time."""
        if ask.mode is AskMode.REMEMBER:
            return self.language.say("approval.remember", time=self.language.duration(f"P{ask.days}D"))
        return self.language.say("approval.remember_on_change") if ask.mode is AskMode.ON_CHANGE else ""

    def titles(self, names: Iterable[AttributeName], catalogue: Catalogue) -> tuple[Text, ...]:
        """The attributes' titles, each once. One that the catalogue lacks is called as a message calls it."""
        by_wire = {wire: one.name for one in catalogue.attributes.values() for wire in (*one.saml, one.eidas, one.claim)}
        known = dict.fromkeys(name if name in catalogue.attributes else by_wire.get(name, name) for name in names)
        return tuple(self._title(catalogue, name) if name in catalogue.attributes else Text(name, "") for name in known)

    def sent(self, names: Iterable[tuple[str, str]], catalogue: Catalogue) -> tuple[Text, ...]:
        """The names and forms that went, never values: "Family name", "Date of birth: whether 18 or older"."""
        found: list[Text] = []
        for name, text in names:
            form, title = parse_form(text), self._title(catalogue, AttributeName(name))
            if form is not None and form != EXACT:
                said = self._said(form)
                title = Text(self.language.say("receipt.sent", title=title.text, form=said), self.language.tag)
            found.append(title)
        return tuple(found)

    def withheld(self, pairs: Iterable[tuple[str, str]], catalogue: Catalogue) -> tuple[WithheldItem, ...]:
        """Attributes that do not go, by name and reason, each with its reason as a sentence."""
        return tuple(
            WithheldItem(self._title(catalogue, AttributeName(name)), self.language.say(f"reason.{reason}"), name, reason)
            for name, reason in pairs
        )

    def moment(self, seconds: int) -> str:
        """A moment (seconds since the epoch): the date as readers write it, and the time in UTC."""
        moment = datetime.fromtimestamp(seconds, UTC)
        date = self.language.date(moment.date().isoformat())
        return self.language.say("receipt.moment", date=date, time=f"{moment:%H:%M}")

    def value(self, attribute: Attribute, catalogue: Catalogue) -> tuple[str, ...]:
        """The value in lines, as a reader of this language writes it."""
        value: Value = attribute.value
        if isinstance(value, bool):
            return (self.language.say("value.yes" if value else "value.no"),)
        if isinstance(value, Address):
            return self._lines(value)
        known = catalogue.attributes.get(attribute.name)
        if known is not None and known.kind is AttributeKind.MANDATE:
            return tuple(chain.from_iterable(map(self._mandate, read_mandates(value) or ())))
        if isinstance(value, tuple):
            return tuple(self._one(attribute, each, catalogue) for each in value)
        # Under a name in another script stands its Latin form
        return tuple(dict.fromkeys((self._one(attribute, value, catalogue), *filter(None, (attribute.latin,)))))

    def _one(self, attribute: Attribute, value: str, catalogue: Catalogue) -> str:
        """One text of a value."""
        known = catalogue.attributes.get(attribute.name)
        kind = known.kind if known else None
        if attribute.form.name == "country" or kind is AttributeKind.NATIONALITY:
            return self.language.country(value)
        if attribute.name == "gender" and value.lower() in GENDERS:
            return self.language.say(f"value.{value.lower()}")
        return self.language.date(value) if kind is AttributeKind.DATE else value

    def _mandate(self, mandate: Mandate) -> Iterator[str]:
        """One mandate: what it is for, from when to when, up to which amount, and whether alone."""
        yield ", ".join(sorted(mandate.procedures)) or self.language.say("value.mandate_general")
        days = [self.language.date(str(day)) if day else "" for day in (mandate.valid_from, mandate.valid_to)]
        if any(days):
            yield " \N{EN DASH} ".join(days).strip()
        if mandate.limit:
            yield self.language.say("value.mandate_limit", amount=f"{mandate.limit[0]:f} {mandate.limit[1]}")
        if mandate.joint:
            yield self.language.say("value.mandate_joint")

    def _lines(self, address: Address) -> tuple[str, ...]:
        town = " ".join(part for part in (address.postal_code, address.locality) if part)
        country = self.language.country(address.country) if address.country else ""
        return tuple(line for line in (address.street, town, address.region, country) if line)

    def _say_form(self, phrase: str, name: AttributeName, form: Form, catalogue: Catalogue) -> str:
        """The `title` of a weaker form, or what the service learns `only`."""
        known = catalogue.attributes.get(name)
        # "Are you 18 or older?" is asked of the person's own birth date alone
        named = form.name in FORMS and (known is None or form.name not in ABOUT_A_PERSON or known.says_alone(form.name))
        parameter = said_parameter(form)
        if known is not None and known.kind is AttributeKind.NATIONALITY and form.parameter:
            parameter = ", ".join(map(self.language.country, entries(form.parameter)))
        return self.language.say(
            f"form.{form.name if named else 'other'}.{phrase}",
            title=self._title(catalogue, name).text,
            parameter=parameter,
            form=self._said(form),
        )

    def _said(self, form: Form) -> str:
        """The form in words, after an attribute's title: "whether 18 or older"."""
        known = form.name in FORMS
        return self.language.say(f"form.{form.name}.said", parameter=said_parameter(form)) if known else str(form)

    def _title(self, catalogue: Catalogue, name: AttributeName) -> Text:
        known = catalogue.attributes.get(name)
        return self.text(known.title) if known else Text(text=name, language=ENGLISH)
