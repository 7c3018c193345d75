"""Metadata one entity at a time: signed, of the entity that was asked for, and asked for again by its tag."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from connectors.addresses import FetchError
from connectors.fetch import Fetcher
from connectors.formats.grammar import written
from connectors.metadata.federation_index import Index
from connectors.metadata.federation_query import url_of
from connectors.metadata.federation_source import come
from connectors.metadata.federations import Federations, put
from connectors.wire.names import md
from policies.errors import PeerUnavailable
from policies.federations import MDQ
from policies.parties import EntityId
from tests.benchmarks import metadata_made as made
from tests.connectors.metadata.origin import LOOPBACK, Origin, body
from tests.connectors.metadata.test_federations import COUNT, DAY, FEDERATION, IDP, NOW, document, federation, seal

ENTITY = EntityId(made.entity_id(IDP))
OTHER = next(n for n in range(COUNT) if n != IDP)


def entity(number: int = IDP, days: int = 7, key: str = "federation", old: str = "-", new: str = "-") -> bytes:
    """The metadata of one entity, which its federation signed for itself."""
    whole = etree.fromstring(document())
    element = whole.findall(md("EntityDescriptor"))[number]
    element.set("ID", "_one")
    if days:
        element.set("validUntil", written(NOW + days * DAY))
    head, end, rest = etree.tostring(element, encoding="unicode", with_tail=False).partition(">")
    # The prefix of the Signature has to be known where it stands
    head = head.replace(" ", f' xmlns:ds="{"http://www.w3.org/2000/09/xmldsig#"}" ', 1) if "xmlns:ds" not in head else head
    return made.sign(head + end, rest.replace(old, new), made.made_key(key))


class World:
    def __init__(self, server: Origin, folder: Path) -> None:
        self.server, self.folder = server, folder
        base = f"http://{server.netloc}/"
        self.federation = replace(federation(), kind=MDQ, location=base, wanted=(ENTITY,), networks=LOOPBACK)

    def fetch(self, octets: bytes, *headers: str, status: str = "200 OK", now: int = NOW) -> Federations:
        self.server.answer = body(octets, *headers, status=status)
        held = Federations({FEDERATION: self.federation}, folder=self.folder, seal=seal, demo=True)
        copy = held.copy(FEDERATION)
        before = None if copy is None else Index(copy.head, list(copy.rows()))
        folder = held.folder(FEDERATION)
        index = come(self.federation, folder, held=before, fetcher=Fetcher(demo=True), now=now)
        assert index is not None
        put(folder, index, seal)
        held.look()
        return held


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    server = Origin(body(b""))
    yield World(server, tmp_path)
    server.close()


def test_the_address_is_that_of_the_transformed_identifier() -> None:
    # OpenSAML's own test has this value
    found = url_of("https://mdq.example/", "http://example.org/service")
    assert found == "https://mdq.example/entities/%7Bsha1%7D11d72e8cf351eb6c75c721e838f469677ab41bdb"


def test_an_entity_is_asked_for_taken_and_asked_for_again_by_its_tag(world: World) -> None:
    held = world.fetch(entity(), 'ETag: "1"')
    assert b"/idp/sso/post" in held.entity(ENTITY, NOW).octets
    assert "Accept: application/samlmetadata+xml" in world.server.heads[0]
    assert "If-None-Match" not in world.server.heads[0]
    again = world.fetch(b"", status="304 Not Modified")
    assert 'If-None-Match: "1"' in world.server.heads[1]
    assert again.entity(ENTITY, NOW).octets == held.entity(ENTITY, NOW).octets
    with pytest.raises(PeerUnavailable, match="ended"):
        again.entity(ENTITY, NOW + 7 * DAY)


@pytest.mark.parametrize(
    ("octets", "status", "check"),
    [
        (lambda: entity(OTHER), "200 OK", "metadata_entity"),
        (lambda: entity(key="entity 0"), "200 OK", "signature"),
        (lambda: entity(days=-1), "200 OK", "metadata_expired"),
        (lambda: entity(days=0), "200 OK", "metadata_endless"),
        (lambda: entity(days=40), "200 OK", "metadata_far"),
        (document, "200 OK", "root"),
        (lambda: b"", "404 Not Found", "status"),
        (lambda: b" " * (1 << 21), "200 OK", "size"),
    ],
)  # fmt: skip
def test_a_bad_answer_is_refused_and_the_last_good_one_stays(world: World, octets: object, status: str, check: str) -> None:
    assert callable(octets)
    with pytest.raises(FetchError) as refused:
        world.fetch(octets(), status=status)
    assert refused.value.check == check
    good = world.fetch(entity()).entity(ENTITY, NOW)
    kept = world.fetch(octets(), status=status)
    assert kept.entity(ENTITY, NOW).octets == good.octets
    (state,) = kept.states(NOW)
    assert state.head is not None
    assert state.head.left_out == {check: 1}


def test_an_older_answer_that_says_other_things_is_refused(world: World) -> None:
    world.fetch(entity(days=9))
    kept = world.fetch(entity(days=8, old="/idp/sso/post", new="/idp/sso/old"))
    assert b"/idp/sso/old" not in kept.entity(ENTITY, NOW).octets
    assert (
        b"/idp/sso/new" in world.fetch(entity(days=10, old="/idp/sso/post", new="/idp/sso/new")).entity(ENTITY, NOW).octets
    )


def test_an_older_answer_is_refused_though_the_octets_before_it_are_lost(world: World) -> None:
    world.fetch(entity(days=9))
    (path,) = (world.folder / FEDERATION).glob("*.octets")
    os.truncate(path, 0)
    with pytest.raises(FetchError) as refused:
        world.fetch(entity(days=8, old="/idp/sso/post", new="/idp/sso/old"))
    assert refused.value.check == "metadata_old"
    assert world.fetch(entity(days=9)).entity(ENTITY, NOW), "the very same heals it"
