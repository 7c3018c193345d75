"""The members of a federation are looked up by one registration, as its copy has them, and as people look for them."""

import io
from dataclasses import replace
from pathlib import Path

from lxml import etree

from connectors.metadata.federation_index import Index
from connectors.metadata.federations import INDEX, SUMMARIES, Federations, opened, put_sealed
from connectors.metadata.members import Providers, known_as, members_of
from connectors.metadata.summaries import HIDDEN, Summary, host_of, summarised, summary_of, title_of
from connectors.wire.folding import folded, place_in
from policies.assurance import LevelOfAssurance
from policies.federations import Federation, member_id
from policies.parties import EntityId, IdentityProvider, ProviderId, Source, SubjectNamespace
from policies.registrations.saml_registration import SamlRegistration
from tests.benchmarks import metadata_made as made
from tests.connectors.metadata.test_federations import COUNT, FEDERATION, IDP, SP, document, federation, kept, seal, served

FAMILY = IdentityProvider(
    provider_id=ProviderId("family"),
    title={"en": "Research"},
    country="EE",
    namespace=SubjectNamespace("research"),
    entity_id=EntityId(""),
    metadata=b"",
    attributes={},
    subject_attribute="",
    assurance={"urn:x:card": LevelOfAssurance.LOW},
    source=Source("providers/family.toml", 1),
    federation=FEDERATION,
    members=True,
)
ONE = EntityId(made.entity_id(IDP))
MEMBER = member_id(FAMILY.provider_id, ONE)


def held(folder: Path, *, pinned: tuple[EntityId, ...] = (), listed: Federation | None = None) -> Federations:
    """A copy with its summaries, as a worker opens it."""
    kept(folder, document())
    summarise(folder)
    return served(folder, listed or federation(listed=True), pinned=pinned)


def summarise(folder: Path) -> Index:
    folder = folder / FEDERATION
    index = opened(folder, seal, INDEX)
    put_sealed(folder, summarised(index, io.BytesIO((folder / "a.octets").read_bytes())), seal, name=SUMMARIES)
    return index


def known(federations: Federations, *others: IdentityProvider, family: IdentityProvider = FAMILY) -> Providers:
    return Providers({one.provider_id: one for one in (family, *others)}, federations)


def test_each_identity_provider_of_the_copy_is_a_member_and_nobody_else_is(tmp_path: Path) -> None:
    providers = known(held(tmp_path))
    assert list(providers) == [FAMILY.provider_id]
    expected = [made.entity_id(number) for number in range(COUNT) if made.is_provider(number)]
    assert [one.summary.entity_id for one in members_of(providers, FAMILY)] == expected
    member = providers[MEMBER]
    assert (member.entity_id, member.federation, member.family, member.members) == (ONE, FEDERATION, "family", False)
    assert known_as(providers, ONE) == (member,)
    for entity_id in (made.entity_id(SP), "https://nobody.example", ""):
        assert known_as(providers, entity_id) == ()
        assert member_id(FAMILY.provider_id, entity_id) not in providers
    assert member_id(ProviderId("other"), ONE) not in providers


def test_whoever_left_is_no_member_from_the_next_copy_on(tmp_path: Path) -> None:
    federations = held(tmp_path)
    providers = known(federations)
    assert MEMBER in providers
    kept(tmp_path, document(lambda text: text.replace(ONE, "https://new.example/saml"), days=8))
    federations.look()
    assert MEMBER not in providers
    assert ONE not in [one.summary.entity_id for one in members_of(providers, FAMILY)], "though its summary is still held"
    assert not federations.summarised(FEDERATION)
    summarise(tmp_path)
    federations.look()
    assert federations.summarised(FEDERATION)
    assert "https://new.example/saml" in [one.summary.entity_id for one in members_of(providers, FAMILY)]


def test_what_is_pinned_or_has_a_file_of_its_own_is_never_reached_by_the_family(tmp_path: Path) -> None:
    own = replace(FAMILY, provider_id=ProviderId("own"), entity_id=ONE, members=False)
    registered = known(held(tmp_path), own)
    assert known_as(registered, ONE) == (own,)
    for providers in (registered, known(held(tmp_path, pinned=(ONE,)))):
        assert MEMBER not in providers
        assert ONE not in [one.summary.entity_id for one in members_of(providers, FAMILY)]


def test_only_those_with_the_certification_that_the_family_wants_are_listed(tmp_path: Path) -> None:
    federations = held(tmp_path)
    everybody = {one.summary.entity_id: set(one.summary.certified) for one in members_of(known(federations), FAMILY)}
    sirtfi = "https://refeds.org/sirtfi"
    wanted = replace(FAMILY, saml=SamlRegistration(certified=(sirtfi,)))
    found = {one.summary.entity_id for one in members_of(known(federations, family=wanted), wanted)}
    assert found == {name for name, certified in everybody.items() if sirtfi in certified} != set(everybody)


def test_summaries_of_another_copy_or_by_another_hand_count_for_nothing(tmp_path: Path) -> None:
    index = (kept(tmp_path, document()), summarise(tmp_path))[1]
    listed = federation(listed=True)
    file = tmp_path / FEDERATION / SUMMARIES
    octets = file.read_bytes()
    file.write_bytes(octets.replace(b'"en"', b'"et"'))
    assert served(tmp_path, listed).summaries(FEDERATION) == {}
    other = replace(index, head=replace(index.head, digest="00"))
    put_sealed(file.parent, summarised(other, io.BytesIO()), seal, name=SUMMARIES)
    assert served(tmp_path, listed).summaries(FEDERATION) == {}
    file.write_bytes(octets)
    assert len(served(tmp_path, listed).summaries(FEDERATION)) > 0


def test_no_entity_id_of_a_member_closes_the_search_of_all_or_turns_what_is_shown_of_it(tmp_path: Path) -> None:
    for entity_id in ("https://[bad/saml", "https://exam\u2100.example/saml", "https://\u202eelpmaxe.doog/saml"):
        kept(tmp_path, document(lambda text, to=entity_id: text.replace(ONE, to)))  # type: ignore[misc] # a default binds
        summarise(tmp_path)
        providers = known(served(tmp_path, federation(listed=True)))
        found = [one.summary.entity_id for one in members_of(providers, FAMILY)]
        assert entity_id in found
        assert len(found) > 1
        (member,) = known_as(providers, entity_id)
        assert member.title
        assert host_of(entity_id).isascii()


UI = """<e xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:mdui="urn:oasis:names:tc:SAML:metadata:ui">
<md:IDPSSODescriptor><md:Extensions><mdui:UIInfo>{ui}</mdui:UIInfo><mdui:DiscoHints><mdui:DomainHint>Uni.Example</mdui:DomainHint></mdui:DiscoHints>
</md:Extensions></md:IDPSSODescriptor><md:Organization>
<md:OrganizationDisplayName xml:lang="en">Org</md:OrganizationDisplayName></md:Organization></e>"""


# Letters of Persian that a joiner parts
PERSIAN = "\u0645\u06cc\u200c\u062e\u0648"


def summary(ui: str) -> Summary:
    return summary_of(etree.fromstring(UI.format(ui=ui)), ONE, [HIDDEN])


def test_a_summary_has_names_and_is_found_by_words_domains_and_its_host() -> None:
    name = '<mdui:DisplayName xml:lang="{}">{}</mdui:DisplayName>'
    found = summary(
        name.format("EN", " Uni \n of Town ")
        + name.format("fa", PERSIAN)
        + '<mdui:Keywords xml:lang="en">old+town campus</mdui:Keywords>'
    )
    assert found.names == {"en": "Uni of Town", "fa": PERSIAN}
    assert found.sought.split(" \n ")[2:] == ["uni example", "old town", "campus", folded(host_of(ONE))]
    assert found.hidden


def test_a_name_that_turns_what_follows_or_shows_nothing_is_none() -> None:
    name = '<mdui:DisplayName xml:lang="{}">{}</mdui:DisplayName>'
    found = summary(name.format("en", "\u202egnud") + name.format("et", "\u2800") + name.format("de x", "Uni"))
    assert found.names == {"en": "Org"}
    assert title_of(ONE, {}) == {"en": ONE.split("/")[2]}
    assert title_of(ONE, {"et": "Ülikool"}) == {"en": "Ülikool", "et": "Ülikool"}


def test_what_a_member_is_found_by_is_folded_when_it_is_summarised_names_first() -> None:
    name = '<mdui:DisplayName xml:lang="{}">{}</mdui:DisplayName>'
    words = '<mdui:Keywords xml:lang="en">old+town campus</mdui:Keywords>'
    found = summary(name.format("et", "Ülikool, Vana Linn") + name.format("zh", "老城大学") + words).sought
    assert found.split(" \n ")[:5] == ["ulikool vana linn", "老城大学", "uni example", "old town", "campus"]
    assert all(place_in(found, one) >= 0 for one in ("vana", "城大", "uni example", "old"))
    assert not any(place_in(found, one) >= 0 for one in ("town campus", "linn 老", "ana"))
