"""A federation's aggregate is verified in pieces, judged, kept as what its key signed, and looked up from there."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any  # Any: a test names what it changes

import pytest
from lxml import etree

from connectors.addresses import FetchError
from connectors.formats.grammar import written
from connectors.formats.metadata import read_identity_provider
from connectors.metadata.federated import FederatedEntity
from connectors.metadata.federation_index import CopyHead, Index, indexed
from connectors.metadata.federations import INDEX, WAITING, FederationCopy, Federations, put
from connectors.profiles import SAML2INT
from connectors.signatures import aggregate
from connectors.signatures.aggregate import Place, verify_aggregate
from connectors.signatures.parse import canonical
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.wire.names import MD, md
from policies.errors import AssertionRejected, PeerUnavailable
from policies.federations import FILE, Federation, FederationFilter, FederationId
from policies.parties import EntityId, Source
from tests.benchmarks import metadata_made as made

NOW = 1_800_000_000
DAY = 24 * 3600
COUNT = 6
FEDERATION = FederationId("research")
IDP = next(n for n in range(COUNT) if made.is_provider(n))
SP = next(n for n in range(COUNT) if not made.is_provider(n))
Edit = Callable[[str], str]


def seal(octets: bytes) -> bytes:
    return hashlib.sha256(b"ours" + octets).digest()


def federation(**changes: object) -> Federation:
    usual = Federation(FEDERATION, FILE, "/srv/all.xml", (made.certificate("federation"),), Source("f.toml", 1))
    return replace(usual, **changes)  # type: ignore[arg-type]  # a test names what it changes


@cache
def text(days: int = 7) -> tuple[str, str]:
    head, *rest = made.unsigned(COUNT, valid_until=written(NOW + days * DAY))
    return head, "".join(rest)


def document(edit: Edit = str, *, head: Edit = str, days: int = 7) -> bytes:
    """Signed by the federation after the edits: all that it says, it says itself."""
    before, rest = text(days)
    return made.sign(head(before), edit(rest))


def index_of(
    octets: bytes, write: Callable[[bytes], object] = len, held: CopyHead | None = None, **changes: object
) -> Index:
    read = io.BytesIO(octets).read
    return indexed(federation(**changes), read, write, name="a.octets", held=held, now=NOW)


def kept(folder: Path, octets: bytes, name: str = INDEX, **changes: Any) -> Index:
    """Put a copy into the federation's folder."""
    folder = folder / str(changes.get("federation_id", FEDERATION))
    folder.mkdir(exist_ok=True)
    with (folder / "a.octets").open("wb") as file:
        index = index_of(octets, file.write, **changes)
    put(folder, index, seal, name=name)
    return index


def served(folder: Path, *those: Federation, pinned: tuple[EntityId, ...] = ()) -> Federations:
    known = {one.federation_id: one for one in those or (federation(),)}
    return Federations(known, folder=folder, seal=seal, pinned=pinned)


@pytest.mark.spec("SAML Metadata 2.0 §3.1")
@pytest.mark.parametrize("piece", [3000, 20_000, aggregate.PIECE])
def test_an_entity_is_what_the_signature_covered_however_the_aggregate_is_cut(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, piece: int
) -> None:
    monkeypatch.setattr(aggregate, "PIECE", piece)
    octets = document()
    kept(tmp_path, octets)
    found = served(tmp_path)
    whole = {one.get("entityID"): one for one in etree.fromstring(octets).iter(md("EntityDescriptor"))}
    assert len(whole) == COUNT
    for number in range(COUNT):
        entity_id = EntityId(made.entity_id(number))
        assert found.entity(entity_id, NOW).octets == canonical(whole[entity_id])
    provider = read_identity_provider(found.entity(EntityId(made.entity_id(IDP)), NOW).octets, made.entity_id(IDP))
    assert provider.redirect_url.startswith("https://")


@pytest.mark.spec("SAML Metadata 2.0 §2.4.1.1")
def test_a_key_without_use_signs_and_is_encrypted_to(tmp_path: Path) -> None:
    kept(tmp_path, document(lambda rest: rest.replace(' use="signing"', "").replace(' use="encryption"', "")))
    entity = served(tmp_path).entity(EntityId(made.entity_id(IDP)), NOW)
    assert len(read_identity_provider(entity.octets, entity.entity_id).certificates) == 2


def changed(octets: bytes, old: bytes, new: bytes) -> bytes:
    assert old in octets
    return octets.replace(old, new, 1)


def shortened(octets: bytes) -> bytes:
    return octets[: octets.rindex(b"  <!--")] + b"</md:EntitiesDescriptor>"


def entity_twice(rest: str) -> str:
    return rest.replace(made.entity_id(IDP), made.entity_id(SP))


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "unsigned": (lambda: "".join(text()).encode(), "signature_missing"),
    "another key": (lambda: made.sign(*text(), made.made_key("entity 0")), "signature"),
    "an entity changed": (lambda: changed(document(), b"/idp/sso/post", b"/idp/sso/pest"), "digest"),
    "the last entity taken away": (lambda: shortened(document()), "digest"),
    "a DTD": (lambda: changed(document(), b"<md:EntitiesD", b"<!DOCTYPE a><md:EntitiesD"), "root"),
    "another encoding": (lambda: changed(document(), b"UTF-8", b"latin1"), "root"),
    "an entity in an entity": (
        lambda: document(lambda rest: rest.replace("<md:Extensions>", "<md:Extensions><md:EntityDescriptor/>", 1)),
        "structure",
    ),
    "a group": (
        lambda: document(lambda rest: rest.replace("</md:EntitiesD", "<md:EntitiesDescriptor/></md:EntitiesD")),
        "structure",
    ),
    "an entityID twice": (lambda: document(entity_twice), "metadata_duplicate"),
    "ended": (lambda: document(days=-1), "metadata_expired"),
    "far away": (lambda: document(days=90), "metadata_far"),
    "no validUntil": (lambda: document(head=lambda head: head.replace("validUntil", "until")), "metadata_endless"),
    "a validUntil that is none": (lambda: document(head=lambda head: head.replace('Z">', '">')), "metadata_endless"),
    "too large": (lambda: document() + b" " * (1 << 20), "size"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_aggregate_is_refused_by_its_name(case: str) -> None:
    make, check = REFUSED[case]
    with pytest.raises(FetchError) as refused:
        index_of(make(), most=1 << 20)
    assert refused.value.check == check
    assert refused.value.mend


def test_comments_with_tags_in_them_cut_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregate, "PIECE", 3000)
    old = f"<!-- <md:EntityDescriptor>{'x' * 9000}</md:EntityDescriptor> --></md:EntitiesDescriptor>"
    assert index_of(document(lambda rest: rest.replace("</md:EntitiesDescriptor>", old))).head.entities == COUNT


@pytest.mark.parametrize("prefix", ["md", "\u00e9", "p" * 64])
def test_tags_in_a_processing_instruction_move_no_entity_and_a_prefix_may_be_any(tmp_path: Path, prefix: str) -> None:
    victim = made.entity_id(IDP)
    forged = f'<md:EntityDescriptor entityID="{victim}"><md:IDPSSODescriptor/>'
    member = (
        '<md:EntityDescriptor entityID="https://member.example"><md:Extensions><?y </md:EntityDescriptor>?>'
        f"<?x {forged}?></md:Extensions></md:EntityDescriptor>"
    )
    other = f'<{prefix}:EntityDescriptor xmlns:{prefix}="{MD}" entityID="https://o.example"></{prefix}:EntityDescriptor>'
    octets = document(lambda rest: member + rest.replace("</md:EntitiesD", f"{other}</md:EntitiesD"))
    kept(tmp_path, octets)
    found = served(tmp_path)
    whole = {one.get("entityID"): one for one in etree.fromstring(octets).iter(md("EntityDescriptor"))}
    for entity_id in map(EntityId, map(made.entity_id, range(COUNT))):
        assert found.entity(entity_id, NOW).octets == canonical(whole[entity_id])


def test_a_comment_which_no_signature_covers_changes_no_fact() -> None:
    octets = document()
    commented = octets.replace(b"refeds.org/category/", b"refeds.org/category<!-- -->/")
    assert index_of(commented).rows == index_of(octets).rows


def test_a_signature_over_an_entity_vouches_for_no_aggregate() -> None:
    moved = document().replace(b'ID="_all-6"', b'ID="_other"', 1)
    keys = [key_of_certificate(made.certificate("federation"), SAML2INT)]
    with pytest.raises(AssertionRejected) as refused:
        verify_aggregate(io.BytesIO(moved).read, keys, SAML2INT, nobody, most=1 << 20)
    assert refused.value.check == "reference"


def nobody(_octets: bytes, _places: object) -> None: ...


def test_no_entity_is_handed_on_before_the_key_is_known() -> None:
    taken: list[Place] = []
    with pytest.raises(AssertionRejected):
        verify_aggregate(
            io.BytesIO(document()).read,
            [key_of_certificate(made.certificate("entity 0"), SAML2INT)],
            SAML2INT,
            lambda _octets, places: taken.extend(places),
            most=1 << 20,
        )
    assert not taken


def test_an_older_copy_is_refused_and_the_same_one_is_not() -> None:
    held = index_of(document(days=9)).head
    with pytest.raises(FetchError) as refused:
        index_of(document(lambda rest: rest.replace("/idp/sso/post", "/idp/sso/old")), held=held)
    assert refused.value.check == "metadata_old"
    assert index_of(document(days=7), held=held).head.digest == held.digest


def test_what_the_filter_does_not_take_is_left_out_and_counted() -> None:
    authority = "https://federation.ee.example"
    index = index_of(document(), only=FederationFilter(authorities=frozenset({authority}), roles=frozenset({"idp"})))
    assert {row.authority for row in index.rows} == {authority}
    assert index.head.left_out == {"filter": COUNT - index.head.entities}
    with pytest.raises(FetchError) as refused:
        index_of(document(), only=FederationFilter(authorities=frozenset({"https://nobody.example"})))
    assert refused.value.check == "metadata_empty"


def test_an_entity_in_the_open_or_at_its_end_is_left_out_and_the_others_count() -> None:
    def edit(rest: str) -> str:
        ended = rest.replace(
            f'entityID="{made.entity_id(SP)}"', f'validUntil="{written(NOW)}" entityID="{made.entity_id(SP)}"'
        )
        return ended.replace('Location="https://idp.', 'Location="http://idp.', 1)

    head = index_of(document(edit)).head
    assert head.left_out == {"http": 1, "ended": 1}
    assert head.entities == COUNT - 2


def test_a_federation_that_ended_knows_nobody_any_more(tmp_path: Path) -> None:
    kept(tmp_path, document())
    found, entity_id = served(tmp_path), EntityId(made.entity_id(IDP))
    assert found.entity(entity_id, NOW + 7 * DAY - 1).valid_until == NOW + 7 * DAY
    with pytest.raises(PeerUnavailable, match="ended"):
        found.entity(entity_id, NOW + 7 * DAY)
    assert "ended" in found.states(NOW + 7 * DAY)[0].why


def test_nobody_who_writes_into_the_folder_adds_anything(tmp_path: Path) -> None:
    kept(tmp_path, document())
    entity_id, folder = EntityId(made.entity_id(IDP)), tmp_path / FEDERATION
    octets = (folder / "a.octets").read_bytes()
    (folder / "a.octets").write_bytes(octets.replace(b"/idp/sso/post", b"/idp/sso/pest"))
    with pytest.raises(PeerUnavailable, match="metadata_changed"):
        served(tmp_path).entity(entity_id, NOW)
    (folder / "a.octets").write_bytes(octets)
    assert served(tmp_path).entity(entity_id, NOW)
    (folder / INDEX).write_bytes((folder / INDEX).read_bytes().replace(b"/saml", b"/same", 1))
    with pytest.raises(PeerUnavailable, match="no federation knows"):
        served(tmp_path).entity(entity_id, NOW)


def test_a_refused_entity_is_judged_once_for_each_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(tmp_path, document(lambda rest: rest.replace("<md:Extensions>", "<md:Extensions><?x?>", 1)))
    judged, judge = list[str](), FederationCopy.judged

    def counted(copy: FederationCopy, entity_id: EntityId, *known: FederationId, demo: bool) -> FederatedEntity:
        judged.append(entity_id)
        return judge(copy, entity_id, *known, demo=demo)

    monkeypatch.setattr(FederationCopy, "judged", counted)
    found, entity_id = served(tmp_path), EntityId(made.entity_id(0))
    for _ in range(2):
        with pytest.raises(PeerUnavailable, match="is refused"):
            found.entity(entity_id, NOW)
    assert judged == [entity_id]
    kept(tmp_path, document(days=8))
    found.look()
    assert found.entity(entity_id, NOW)


def test_a_copy_of_another_registration_counts_for_nothing(tmp_path: Path) -> None:
    kept(tmp_path, document())
    other = federation(signers=(made.certificate("entity 0"),))
    with pytest.raises(PeerUnavailable, match="no federation knows"):
        served(tmp_path, other).entity(EntityId(made.entity_id(IDP)), NOW)


def test_nothing_shadows_a_pinned_entity_nor_one_of_an_earlier_federation(tmp_path: Path) -> None:
    entity_id, second = EntityId(made.entity_id(IDP)), FederationId("second")
    kept(tmp_path, document())
    kept(tmp_path, document(lambda rest: rest.replace("/idp/sso/post", "/idp/sso/other")), federation_id=second)
    both = served(tmp_path, federation(), federation(federation_id=second))
    assert both.entity(entity_id, NOW).federation == FEDERATION
    assert both.entity(entity_id, NOW, second).federation == second
    with pytest.raises(PeerUnavailable, match="pinned"):
        served(tmp_path, pinned=(entity_id,)).entity(entity_id, NOW)


def test_a_new_copy_is_taken_up_by_whoever_looks_and_what_waits_is_not(tmp_path: Path) -> None:
    kept(tmp_path, document())
    found, entity_id = served(tmp_path), EntityId(made.entity_id(IDP))
    before = found.entity(entity_id, NOW)
    newer = document(lambda rest: rest.replace("/idp/sso/post", "/idp/sso/next"), days=8)
    (tmp_path / FEDERATION / "b").mkdir()
    waiting = kept(tmp_path / FEDERATION / "b", newer)
    put(tmp_path / FEDERATION, waiting, seal, name=WAITING)
    found.look()
    assert found.entity(entity_id, NOW) is before
    assert found.states(NOW)[0].waiting == waiting.head.digest
    kept(tmp_path, newer)
    found.look()
    assert b"/idp/sso/next" in found.entity(entity_id, NOW).octets
