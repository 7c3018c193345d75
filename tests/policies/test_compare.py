"""A comparison finds each way to let more go, and no login lets more go unnoticed."""

import functools
from collections.abc import Mapping

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from policies.attributes import EXACT, Address, AttributeName, Form, Value
from policies.authentication import AskedAttribute, Offered
from policies.catalogue import STANDARD
from policies.errors import Misconfigured
from policies.load import Configuration, load
from policies.parties import ClientId, IdentityProvider, ProviderId, PurposeId
from policies.registrations.openid_client import DEVICE_CODE
from policies.release import choose, completed, decide, short_of
from policies.simulation.compare import Change, compare
from policies.simulation.gains import KIOSK
from tests.policies.load.files import COUNTRY_NODE, OWN, PARTY, PEM, PROVIDER, PURPOSE
from tests.policies.parts import ON, form
from tests.policies.parts import PARKING as ID

PARKING, SERVICE, CARD = "purposes/parking.toml", "parties/parking.toml", "providers/demo-ee.toml"
MAPPED = """\
"urn:oid:2.5.4.4" = "family_name"
"urn:oid:birth" = "birthdate"
"urn:oid:mail" = "email"
"urn:oid:card" = "library_card"
"urn:oid:2.5.4.7" = "address.locality"
"urn:oid:2.5.4.6" = "address.country"
"""
NEEDS = "".join(
    f'[attributes.{name}]\nform = "exact"\nwhy.en = "{name}"\n\n'
    for name in ("email", "library_card", "gender", "phone_number")
)
FILES = {
    PARKING: PURPOSE.partition("[[examples]]")[0].replace('haven)"', 'haven)"\nrequired = true\nmust_be_true = true')
    + NEEDS
    + '[transfers.other]\nbasis="adequacy"\nlaw.en = "A decision"\n',
    SERVICE: PARTY.replace("\n[attr", 'enforce = true\nsphere = "eu"\n\n[attr')
    + 'email = "exact"\nlibrary_card = "exact"\nphone_number = "exact"\n',
    CARD: PROVIDER.replace('"urn:oid:2.5.4.7" = "address.locality"\n', "").replace(
        '"urn:oid:2.5.4.4" = "family_name"\n', MAPPED
    ),
    "metadata/demo-ee.xml": "<EntityDescriptor/>",
    "providers/lv.toml": COUNTRY_NODE,
    "metadata/node.pem": PEM,
    "catalogue.toml": OWN,
}
Edit = tuple[str, str, str]
BIRTH = '"age_over(18)"'
ABROAD: Edit = ("providers/lv.toml", 'country = "LV"', 'country = "LV"\nsphere = "other"')
EDITS: Mapping[str, tuple[Edit, list[str]]] = {
    "a wider need": ((PARKING, BIRTH, '"exact"'), ["birthdate: age_over(18) -> exact EE/LV purposes/parking.toml:13"]),
    "something else": (
        (PARKING, BIRTH, '"age_over(21)"'),
        ["birthdate: age_over(18) -> age_over(21) EE/LV purposes/parking.toml:13"],
    ),
    "required no more": (
        (PARKING, "required = true", "required = false"),
        [
            "email: None -> exact where the date of birth is missing EE/LV purposes/parking.toml:13",
        ],
    ),
    "required from now on": (
        (PARKING, '"email"', '"email"\nrequired = true'),
        ["email: exact -> exact whether the citizen ticks it or not EE/LV purposes/parking.toml:24"],
    ),
    "a lower level": (
        (PARKING, '"substantial"', '"low"'),
        [
            "birthdate: None -> age_over(18) at level low EE/LV purposes/parking.toml:1",
        ],
    ),
    "a source's word counts for more": (
        (CARD, '= "low"', '= "substantial"'),
        [
            f"{what} where the level counts as substantial (now: low) EE providers/demo-ee.toml:1"
            for what in (
                "email: None -> exact",
                "address: None -> resident_of(Storkhaven)",
                "birthdate: None -> age_over(18)",
            )
        ],
    ),
    "a source sends more": (
        (CARD, '= "email"', '= "email"\n"urn:oid:tel" = "phone_number"'),
        ["phone_number: None -> exact EE providers/demo-ee.toml:1"],
    ),
    "another kind in the catalogue": (
        ("catalogue.toml", 'kind = "text"', 'kind = "name"'),
        ["library_card: None -> initials where the service asks for initials EE catalogue.toml:1"],
    ),
    "another field": (
        (CARD, "urn:oid:mail", "urn:oid:other"),
        ["email: None -> exact taken from another field of the country's answer EE providers/demo-ee.toml:1"],
    ),
    "a wider registration": (
        (SERVICE, 'email = "exact"', 'email = "exact"\ngender = "exact"'),
        ["gender: None -> exact LV parties/parking.toml:15"],
    ),
    "more countries": (
        (PARKING, 'basis = "public_task"', 'basis = "public_task"\ncountries = ["EE"]'),
        [],
    ),
    "enforced no more": (
        (SERVICE, "enforce = true\n", ""),
        ["email: None -> exact where the address is another EE/LV parties/parking.toml:1"],
    ),
    "may be answered no": (
        (PARKING, "must_be_true = true\n", ""),
        ["email: None -> exact where the address is another EE/LV purposes/parking.toml:18"],
    ),
    "only words": ((PARKING, "Permits are", "A permit is"), []),
}


def configuration(files: Mapping[str, str] = FILES) -> Configuration:
    return load({name: text.encode() for name, text in files.items()})


def changed(file: str, old: str, new: str) -> Configuration:
    assert FILES[file].count(old), old
    return configuration({**FILES, file: FILES[file].replace(old, new, 1)})


def told(change: Change) -> str:
    words = (f"{change.attribute}: {change.before} -> {change.after}", change.when, "/".join(change.countries))
    return " ".join(filter(None, (*words, str(change.source))))


@pytest.mark.parametrize("name", EDITS)
def test_each_way_to_let_more_go_is_found(name: str) -> None:
    edit, expected = EDITS[name]
    found = {told(one) for one in compare(configuration(), changed(*edit)).wider}
    assert found >= set(expected)
    assert bool(found) is bool(expected)


def test_what_less_leaves_stands_apart() -> None:
    found = compare(configuration(), changed(PARKING, "basis", 'countries = ["EE"]\nbasis'))
    assert not found.wider
    assert [told(one) for one in found.narrower] == [
        "email: exact -> None LV purposes/parking.toml:1",
        "phone_number: exact -> None LV purposes/parking.toml:1",
        "address: resident_of(Storkhaven) -> None LV purposes/parking.toml:1",
        "birthdate: age_over(18) -> None LV purposes/parking.toml:1",
    ]


def test_the_sentence_is_a_citizens() -> None:
    (found,) = compare(configuration(), changed(PARKING, BIRTH, '"exact"')).wider
    assert found.sentence == (
        "*Resident parking* would newly receive: date of birth in full (now: 18 or older), from 2 countries,"
        " basis public task"
    )


def test_values_that_go_while_the_citizen_is_away_are_more() -> None:
    refreshes = FILES[SERVICE].replace("[attr", 'grant_types = ["authorization_code", "refresh_token"]\n[attr')
    offline = FILES[PARKING].replace("basis =", "offline = true\nask = 'remember(P30D)'\nbasis =")
    plain, lasting = (configuration({**FILES, SERVICE: refreshes, PARKING: one}) for one in (FILES[PARKING], offline))
    without = configuration({**FILES, PARKING: offline})
    assert not compare(configuration(), without).wider, "its service has no refresh tokens"
    for before, line in ((plain, "purposes/parking.toml"), (without, "parties/parking.toml")):
        found = compare(before, lasting)
        assert {one.attribute for one in found.wider} == {"birthdate", "address", "email", "library_card", "phone_number"}
        assert {one.source.file for one in found.wider} == {line}
        assert not found.narrower
        assert "18 or older (now: at a sign-in alone)" in " ".join(one.sentence for one in found.wider)
        assert all(one.sentence.endswith("also while the citizen is away") for one in found.wider)
        assert len(compare(lasting, before).narrower) == len(found.wider)


def test_values_that_go_to_a_kiosk_are_more() -> None:
    grants = f'grant_types = ["authorization_code", "{DEVICE_CODE}"]\nplace.en = "Town hall"\n[attr'
    opened = {**FILES, PARKING: FILES[PARKING].replace("basis =", "cross_device = true\nbasis =")}
    other = FILES[PARKING].replace('"resident-parking"', '"other"').replace("basis =", "cross_device = true\nbasis =")
    kiosk = FILES[SERVICE].replace("[attr", grants)
    of_two = kiosk.replace('["resident-parking"]', '["resident-parking", "other"]').replace("enforce = true\n", "")
    two = {**FILES, SERVICE: of_two, "purposes/other.toml": other}
    assert not compare(configuration(), configuration(opened)).wider, "its service is no kiosk"
    for old, new, line in (
        (configuration(two), configuration({**two, PARKING: opened[PARKING]}), "purposes/parking.toml"),
        (configuration(opened), configuration({**opened, SERVICE: kiosk}), "parties/parking.toml"),
    ):
        found = compare(old, new)
        assert {one.attribute for one in found.wider} == {"birthdate", "address", "email", "library_card", "phone_number"}
        assert {one.source.file for one in found.wider} == {line}
        assert not found.narrower
        assert "18 or older (now: on the citizen's own device alone)" in " ".join(one.sentence for one in found.wider)
        assert all(one.sentence.endswith(KIOSK) for one in found.wider)
        assert len(compare(new, old).narrower) == len(found.wider)


def test_another_kind_of_person_is_more() -> None:
    both, line = 'persons = ["natural", "for_legal"]\n', "basis ="
    of_all = {
        **FILES,
        SERVICE: FILES[SERVICE].replace("[attr", f"{both}[attr", 1),
        PARKING: FILES[PARKING].replace(line, both + line, 1),
        "providers/lv.toml": both + FILES["providers/lv.toml"],
    }
    for file in (SERVICE, PARKING, "providers/lv.toml"):
        before = configuration({**of_all, file: FILES[file]})
        found = compare(before, configuration(of_all))
        assert {one.attribute for one in found.wider} == {"birthdate", "address", "email", "phone_number"}
        assert {(one.source.file, one.when) for one in found.wider} == {(file, "of persons who act for a company")}
        assert not found.narrower
        assert len(compare(configuration(of_all), before).narrower) == len(found.wider)


def test_a_new_service_and_a_new_source_count() -> None:
    no_service = configuration({name: text for name, text in FILES.items() if name != SERVICE})
    found = [one.attribute for one in compare(no_service, configuration()).wider]
    assert found == ["email", "library_card", "phone_number", "address", "birthdate"]
    no_latvia = configuration({name: text for name, text in FILES.items() if name != "providers/lv.toml"})
    assert {one.countries for one in compare(no_latvia, configuration()).wider} == {("LV",)}


def of_a_card(kind: str, form: str) -> Configuration:
    """Where the library card is an attribute of this kind, needed in this form."""
    own = OWN.replace('kind = "text"', f'kind = "{kind}"')
    needed = FILES[PARKING].replace('library_card]\nform = "exact"', f'library_card]\nform = "{form}"')
    return configuration({**FILES, "catalogue.toml": own, PARKING: needed})


@pytest.mark.parametrize(
    ("kind", "less", "more"),
    [
        ("set", "only(x)", "only(x,y)"),
        ("set", "only(x)", "exact"),
        ("set", "prefix(urn:x)", "prefix(urn:x,urn:y)"),
        ("set", "one_of(x)", "exact"),
        ("amount", "below(10 EUR)", "exact"),
        ("number", "last4", "exact"),
        ("nationality", "only(EE)", "only(EE,LV)"),
        ("nationality", "is_eu_citizen", "exact"),
    ],
)
def test_each_kind_of_attribute_is_compared(kind: str, less: str, more: str) -> None:
    old, new = of_a_card(kind, less), of_a_card(kind, more)
    assert {str(one.after) for one in compare(old, new).wider} == {more}
    back = compare(new, old)
    assert not back.wider
    assert [one.attribute for one in back.narrower] == ["library_card"]


def test_a_border_that_falls_counts() -> None:
    assert {told(one) for one in compare(changed(*ABROAD), configuration()).wider} >= {
        "email: None -> exact LV providers/lv.toml:1",
    }


def test_a_category_that_a_service_gives_up_and_a_mark_that_a_source_wants_no_more_count() -> None:
    anonymous = 'entity_categories = ["https://refeds.org/category/anonymous"]'
    marked = changed(SERVICE, "client_id", f"{anonymous}\nclient_id")
    assert {one.attribute for one in compare(marked, configuration()).wider} >= {"email", "birthdate"}
    assert not compare(configuration(), marked).wider
    wanting = changed(CARD, "country", 'only_for = ["https://refeds.org/sirtfi"]\ncountry')
    assert {told(one) for one in compare(wanting, configuration()).wider} >= {
        "email: None -> exact EE providers/demo-ee.toml:1"
    }
    assert not compare(configuration(), wanting).wider


def test_before_there_is_a_source_one_of_everything_is_made_up() -> None:
    bare = {name: text for name, text in FILES.items() if not name.startswith("providers/")}
    wide = {**bare, PARKING: bare[PARKING].replace(BIRTH, '"exact"')}
    (found,) = compare(configuration(bare), configuration(wide)).wider
    assert (found.attribute, found.countries, "from no country yet" in found.sentence) == ("birthdate", (), True)


# -- No login lets more go unnoticed -------------------------------------------------------------------------------------

MORE = (
    *(edit for edit, _ in EDITS.values()),
    (PARKING, "basis", 'countries = ["EE"]\nbasis'),
    (SERVICE, "email", "gender"),
    ABROAD,
)
WORDS = ("urn:x:card", "http://eidas.europa.eu/LoA/substantial", "http://eidas.europa.eu/LoA/high")
EIDAS = "http://eidas.europa.eu/attributes/naturalperson/"
WIRES: Mapping[str, tuple[str, ...]] = {
    f"{EIDAS}DateOfBirth": ("1990-04-01",),
    f"{EIDAS}Gender": ("Female",),
    "urn:oid:2.5.4.4": ("Maasikas",),
    "urn:oid:birth": ("1990-04-01", "2012-02-29", "1990"),
    "urn:oid:mail": ("maria@post.example",),
    "urn:oid:other": ("jaan@post.example",),
    "urn:oid:tel": ("+372 5",),
    "urn:oid:card": ("X 17",),
    "urn:oid:2.5.4.7": ("Storkhaven", "Elsewhere"),
    "urn:oid:2.5.4.6": ("EE",),
}
SENT = {wire: st.sampled_from(values) for wire, values in WIRES.items()}
FORMS = ("exact", "initials", "birth_year", "age_over(18)", "age_over(21)", "resident_of(Storkhaven)", "country")
NAMES = ("birthdate", "address", "email", "library_card", "gender", "family_name")
Release = Mapping[AttributeName, tuple[Form, tuple[str, ...]]]


@functools.cache
def edited(edits: frozenset[int]) -> Configuration | None:
    """The configuration with these changes; None where two of them do not go together."""
    files = dict(FILES)
    for number in sorted(edits):
        file, old, new = MORE[number]
        files[file] = files[file].replace(old, new, 1)
    try:
        return configuration(files)
    except Misconfigured:
        return None


def wires_of(provider: IdentityProvider) -> Mapping[str, tuple[AttributeName, str]]:
    if provider.peer is None:
        return provider.attributes
    return {one.eidas: (name, "") for name, one in STANDARD.attributes.items() if one.eidas}


def offered_by(provider: IdentityProvider, sent: Mapping[str, str], word: str) -> Offered:
    values: dict[AttributeName, Value] = {}
    parts: dict[str, str] = {}
    for wire, (name, part) in wires_of(provider).items():
        if wire in sent and part:
            parts[part] = sent[wire]
        elif wire in sent:
            values[name] = sent[wire]
    if parts:
        values[AttributeName("address")] = Address(**parts)
    return Offered(values, provider.assurance[word])


def released(
    one: Configuration,
    provider_id: ProviderId,
    word: str,
    sent: Mapping[str, str],
    asked: Mapping[str, Form],
    *,
    ticked: bool,
) -> Release:
    """Everything that leaves in one login, with the names on the wire from which it comes."""
    provider, party, purpose = one.providers[provider_id], one.parties[ClientId("parking")], one.purposes[PurposeId(ID)]
    if word not in provider.assurance or not purpose.takes(provider.country):
        return {}
    request = [AskedAttribute(AttributeName(name), form) for name, form in asked.items()]
    whole = completed(request, ("something",), purpose, one.catalogue)
    decision = decide(whole, purpose, party, offered_by(provider, sent, word), ON, catalogue=one.catalogue)
    if party.enforce and short_of(decision, purpose):
        return {}
    decision = choose(decision, decision.optional if ticked else ())
    return {
        went.name: (went.form, tuple(wire for wire, (name, _) in wires_of(provider).items() if name == went.name))
        for went in decision.released
    }


@given(
    st.frozensets(st.integers(0, len(MORE) - 1), max_size=3),
    st.frozensets(st.integers(0, len(MORE) - 1), max_size=3),
    st.sampled_from(("demo-ee", "lv")),
    st.sampled_from(WORDS),
    st.fixed_dictionaries(SENT) | st.fixed_dictionaries({}, optional=SENT),
    st.just(dict.fromkeys(NAMES, EXACT)) | st.dictionaries(st.sampled_from(NAMES), st.sampled_from(FORMS).map(form)),
    st.booleans(),
)
def test_no_login_lets_more_go_unnoticed(
    before: frozenset[int],
    after: frozenset[int],
    provider: str,
    word: str,
    sent: Mapping[str, str],
    asked: Mapping[str, Form],
    ticked: bool,  # noqa: FBT001
) -> None:
    old, new = edited(before), edited(after)
    assume(old is not None and new is not None)
    assert old is not None
    assert new is not None
    then, now = (released(one, ProviderId(provider), word, sent, asked, ticked=ticked) for one in (old, new))
    noticed = {one.attribute for one in widened(before, after)}
    for name, (form_now, wires) in now.items():
        if name not in then or then[name][1] != wires or new.catalogue.meet(name, form_now, then[name][0]) != form_now:
            assert name in noticed, (name, str(form_now), then.get(name))


@functools.cache
def widened(before: frozenset[int], after: frozenset[int]) -> tuple[Change, ...]:
    old, new = edited(before), edited(after)
    return compare(old, new).wider if old and new else ()
