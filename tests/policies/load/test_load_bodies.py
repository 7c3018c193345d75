"""The public bodies for which we stand, who speaks for them, and each fault with its line and fix."""

import pytest

from policies.bodies import Aggregator, Body, Contact
from policies.errors import Misconfigured
from policies.load import examine, load
from policies.parties import ClientId, ProviderId, Source
from tests.policies.load.files import files, problem_of, spoiled

BODIES, AGGREGATOR, PARTY, PROVIDER = (
    *("bodies/italy.toml", "aggregator.toml"),
    *("parties/parking.toml", "providers/demo-ee.toml"),
)
ROME = """\
[c_h501]
name.en = "Municipality of Rome"
name.it = "Comune di Roma"
url = "https://www.comune.roma.example"
ipa_code = "c_h501"
"""
OURS = """\
scheme = "spid"
company = "Region of Storkhaven"
email = "eid@region.example"
vat_number = "IT01234567890"
"""


def written(bodies: str = ROME, aggregator: str = OURS, **more: str) -> dict[str, bytes]:
    found = {**files(), BODIES: bodies.encode()} | {name: text.encode() for name, text in more.items()}
    return {**found, AGGREGATOR: aggregator.encode()} if aggregator else found


def test_bodies_and_who_we_are_to_them_are_read() -> None:
    found = load(written())
    name = {"en": "Municipality of Rome", "it": "Comune di Roma"}
    contact = Contact(codes={"IPACode": "c_h501"})
    url, place, source = "https://www.comune.roma.example", "pub-ag-full/c_h501", Source(BODIES, 1)
    assert found.bodies == {"c_h501": Body("c_h501", place, name, name, url, contact, source)}
    ours = Contact("eid@region.example", "", {"VATNumber": "IT01234567890"})
    assert found.aggregator == Aggregator("Region of Storkhaven", ours, "spid")
    alone = load(written('[c_h501]\nname.en = "Rome"\nurl = "https://rome.example"\nentity_id = "urn:nl:1"\n', ""))
    assert (alone.bodies["c_h501"].place, alone.bodies["c_h501"].entity_id) == ("c_h501", "urn:nl:1")


@pytest.mark.parametrize(
    ("bodies", "aggregator", "key", "fix"),
    [
        (ROME.replace("c_h501]", "'Rome / Roma']"), OURS, "Rome / Roma", "letters, digits"),
        (ROME.replace('url = "https:', 'url = "http:'), OURS, "c_h501.url", "its own site"),
        (ROME.replace("name.it", "name.et"), OURS, "c_h501.name", "name.it"),
        (ROME.replace('ipa_code = "c_h501"\n', ""), OURS, "c_h501.ipa_code", "the body's own"),
        (ROME + 'municipality = "H501"\n', OURS, "c_h501.municipality", "leave it out"),
        (ROME, OURS.replace("spid", "cie"), "c_h501.municipality", "the body's own"),
        (ROME, "", "c_h501.ipa_code", "leave it out"),
        (ROME + 'display_name.en = "Rome"\n', OURS, "c_h501.display_name", "the same languages"),
        (ROME + 'entity_id = "https://old.example/rome"\n', OURS, "c_h501.entity_id", "leave it out"),
        (ROME + 'email = "mailto:a@b.example"\n', OURS, "c_h501.email", "protocol@city.example"),
        (ROME + 'telephone = "06 123"\n', OURS, "c_h501.telephone", "+390612345678"),
        (ROME + 'vat = "IT1"\n', OURS, "c_h501.vat", "vat_number"),
        (ROME, OURS.replace('vat_number = "IT01234567890"\n', ""), "vat_number", "IT01234567890"),
        (ROME, OURS.replace("spid", "pub-ag-lite"), "scheme", '"spid", "cie"'),
    ],
)
def test_a_body_that_nobody_could_ask_for_is_named(bodies: str, aggregator: str, key: str, fix: str) -> None:
    found = examine(written(bodies, aggregator))[1]
    assert [(one.key, fix in one.fix) for one in found if one.key == key] == [(key, True)], found


@pytest.mark.spec("saml.md §6")
@pytest.mark.parametrize("other", ["a provider", "a body"])
def test_no_body_has_the_name_of_another(other: str) -> None:
    of_a_provider = str(load(files()).providers[ProviderId("demo-ee")].entity_id)
    entity = "https://rome.example/sp" if other == "a body" else of_a_provider
    line = f'entity_id = "{entity}"\n'
    plain = 'name.en = "Rome"\nurl = "https://rome.example"\n'
    bodies = f"[one]\n{plain}{line}" + (f"[two]\n{plain}{line}" if other == "a body" else "")
    found = [one for one in examine(written(bodies, ""))[1] if one.key == "entity_id"]
    assert len(found) == 1, found
    again = [one.key for one in examine(written(ROME, OURS) | {"bodies/more.toml": ROME.encode()})[1]]
    assert again == ["id"]


def test_services_speak_for_a_body_that_there_is_each_under_its_number() -> None:
    first = 'client_id = "parking"'
    speaking = {**spoiled(PARTY, first, f'body = "c_h501"\n{first}'), BODIES: ROME.encode(), AGGREGATOR: OURS.encode()}
    found = load(speaking).parties[ClientId("parking")]
    assert (found.body, found.attribute_service) == ("c_h501", 0)
    both = {**speaking, "parties/fares.toml": b'body = "c_h501"\n' + speaking["parties/fares.toml"]}
    with pytest.raises(Misconfigured, match="attribute_consuming_service_index = 1"):
        load(both)
    apart = b"attribute_consuming_service_index = 1\n"
    assert load({**both, "parties/fares.toml": apart + both["parties/fares.toml"]}).parties[ClientId("fares")].body
    for line, key in [
        ('body = "c_h50"', "body"),
        ('body = "c_h501"\nattribute_consuming_service_index = true', "attribute_consuming_service_index"),
        ("attribute_consuming_service_index = 1", "attribute_consuming_service_index"),
    ]:
        spoilt = {**speaking, PARTY: spoiled(PARTY, first, f"{line}\n{first}")[PARTY]}
        assert [one.key for one in examine(spoilt)[1]] == [key]


SUBJECT = 'subject = "urn:oid:1.3.6.1.4.1.25178.1.2.15"'


@pytest.mark.parametrize(
    ("lines", "fix"),
    [
        (f'{SUBJECT}\nspeaks_for = "services"', '"bodies"'),
        ('speaks_for = "bodies"', "`subject`"),
        ('speaks_for = "bodies"\nsubject = "urn:oasis:names:tc:SAML:attribute:pairwise-id"', "`subject`"),
        (f'{SUBJECT}\nspeaks_for = "bodies"\ndeviations = ["aes_cbc"]', "one of the two"),
    ],
)
def test_a_provider_that_would_know_a_citizen_otherwise_for_each_body_is_refused(lines: str, fix: str) -> None:
    problem = problem_of(PROVIDER, SUBJECT, lines)
    assert (problem.key, fix in problem.fix) == ("speaks_for", True), problem
    good = load(spoiled(PROVIDER, SUBJECT, f'{SUBJECT}\nspeaks_for = "bodies"'))
    assert good.providers[ProviderId("demo-ee")].saml.speaks_for == "bodies"
