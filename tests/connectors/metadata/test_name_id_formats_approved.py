"""The NameID formats of a node: none listed means any, so an end of all of them widens what counts, as another one does."""

from dataclasses import replace

import pytest

from connectors.formats.eidas.metadata import PeerFacts
from connectors.profiles import EIDAS
from connectors.request_checks import PeerRequestRefused, check_request
from connectors.signatures.parse import Element
from connectors.wire.names import PERSISTENT, TRANSIENT, md
from tests.connectors.eidas import made
from tests.connectors.metadata import node
from tests.connectors.metadata.world import NODE, World

ANOTHER = f"a NameID format: {TRANSIENT}"
NONE = f"it lists no NameID format any more ({PERSISTENT}): any may be asked for"


def in_use(world: World) -> PeerFacts:
    return world.peers.current(NODE, world.now).facts


def listed(world: World, *formats: str) -> frozenset[str]:
    """Publish and fetch metadata with these NameIDFormats alone; those that count then."""

    def edit(root: Element) -> None:
        for element in list(root.iter(md("NameIDFormat"))):
            parent = element.getparent()
            if parent is not None and element.text not in formats:
                parent.remove(element)

    world.change(node.connector(), edit)
    world.refresh()
    return in_use(world).name_id_formats


def takes(world: World, wanted: str) -> bool:
    """Whether a request of the node for this format is accepted."""
    request = replace(made.REQUEST, name_id_format=wanted)
    peer = replace(made.ASKING, name_id_formats=in_use(world).name_id_formats)
    try:
        check_request(request, here=made.SSO, peer=peer, now=made.NOW, profile=EIDAS)
    except PeerRequestRefused as refusal:
        return refusal.check != "name_id_policy"
    return True


@pytest.mark.spec("eidas.md §6 additions wait")
@pytest.mark.parametrize(("now", "words"), [((TRANSIENT,), ANOTHER), ((), NONE)])
def test_the_approved_formats_stay_until_others_or_none_are_approved(
    receiving: World, now: tuple[str, ...], words: str
) -> None:
    assert listed(receiving, PERSISTENT) == {PERSISTENT}
    assert listed(receiving, *now) == {PERSISTENT}
    assert receiving.additions() == (words,)
    assert (takes(receiving, PERSISTENT), takes(receiving, TRANSIENT)) == (True, False)
    receiving.restart()
    assert in_use(receiving).name_id_formats == {PERSISTENT}
    receiving.approve()
    assert in_use(receiving).name_id_formats == set(now)
    assert (takes(receiving, PERSISTENT), takes(receiving, TRANSIENT)) == (not now, True)
    assert not receiving.additions()


@pytest.mark.spec("eidas.md §6 removals act at once")
def test_what_is_left_of_the_approved_formats_counts_at_once_and_one_that_returns_waits(receiving: World) -> None:
    assert listed(receiving, PERSISTENT, TRANSIENT) == {PERSISTENT, TRANSIENT}
    assert listed(receiving, PERSISTENT) == {PERSISTENT}
    assert not receiving.additions()
    assert not takes(receiving, TRANSIENT)
    assert listed(receiving, PERSISTENT, TRANSIENT) == {PERSISTENT}
    assert receiving.additions() == (ANOTHER,)
    assert not takes(receiving, TRANSIENT)
