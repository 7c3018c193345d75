"""A whole crossing over STORK and one over eIDAS, in CPU: asked, judged, answered, encrypted, opened and judged.

All keys are of RSA with 3072 bits, and both answers are encrypted.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lxml import etree

from connectors.connector import Ask
from connectors.fetch import Fetcher
from connectors.formats.eidas.registry import PROTOCOL_VERSIONS
from connectors.formats.stork.response import assertion_element, response_element
from connectors.metadata.peers import Peers
from connectors.profiles import AES256_GCM, EIDAS, KW_AES256, STORK
from connectors.signatures.xmlenc import encrypt
from idp.login.frontend import Received
from idp.protocols.eidas.proxy_service import ProxyService
from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName
from policies.catalogue import STANDARD
from policies.parties import EntityId, NodeId, Peer, RequestingNode, Source
from tests.benchmarks.measure import Figure, Target, in_turns
from tests.connectors import forge
from tests.connectors.eidas import node as eidas_node
from tests.connectors.metadata.node import rsa_signer
from tests.connectors.stork import test_stork_connector as stork_connector
from tests.connectors.stork.made import NOW
from tests.idp.memory import MemoryCopies
from tests.idp.protocols import test_eidas_responder as eidas_frontend
from tests.idp.protocols import test_stork_frontend as stork_frontend
from tests.idp.web_node.peer import PeerNode

MOST = 1.2


def stork_vs_eidas(rounds: int) -> tuple[Target, Sequence[Figure]]:
    """How much more CPU a crossing over STORK takes than one over eIDAS; of each the undisturbed one."""
    with tempfile.TemporaryDirectory() as folder:
        found = in_turns({"eIDAS": _eidas(Path(folder)), "STORK": _stork()}, rounds, time.process_time)
    figures = [
        Figure(f"a crossing over {name}, least CPU", round(taken.least * 1000, 2), "ms") for name, taken in found.items()
    ]
    return Target("stork_vs_eidas", found["STORK"].least / found["eIDAS"].least, at_most=MOST), figures


def _ask() -> Ask:
    return Ask(
        "login",
        LevelOfAssurance.SUBSTANTIAL,
        force_authentication=True,
        attributes=tuple(map(AttributeName, ("family_name", "given_name", "birthdate", "address"))),
        requester=eidas_node.REQUESTER,
    )


def _eidas(folder: Path) -> Callable[[], object]:
    sending = eidas_node.SendingNode(signer=rsa_signer(2))
    connector, answer = eidas_node.connector_to(sending), sending.says()
    asking, source, copies, now = (
        PeerNode(folder, "nl", "NL"),
        Source("nodes/x.toml", 1),
        MemoryCopies(),
        eidas_frontend.NOW,
    )
    copies.keep(asking.held(now + 3600, now))
    peer = Peer(EntityId(asking.entity_id), "NL", asking.entity_id, asking.metadata_signer.certificate, "", (), source)
    peers = Peers(
        {peer.entity_id: peer},
        role="connector",
        copies=copies,
        fetcher=Fetcher(demo=True),
        profile=EIDAS,
        ours=PROTOCOL_VERSIONS,
    )
    nodes = {NodeId("nl"): RequestingNode(NodeId("nl"), {"en": "nl"}, peer, source)}
    here = eidas_frontend.HERE
    frontend = ProxyService(here=here, nodes=nodes, peers=peers, signer=rsa_signer(3), catalogue=STANDARD)
    question = eidas_frontend.post(asking.posted(asking.request(here.sso_url, now), by=asking.rsa_signer))

    def cross() -> object:
        connector.request(_ask(), eidas_node.NOW)
        received = frontend.receive(question, now)
        if not isinstance(received, Received):
            raise TypeError("the request is not taken")
        frontend.answer(eidas_frontend.released(received.request), now)
        return connector.receive(answer, eidas_node.expectation(), eidas_node.NOW)

    return cross


def _stork() -> Callable[[], object]:
    peps = forge.party(forge.rsa_key(5, 3072), stork_connector.BEGIN)
    connector, ours = stork_connector.connector_to(peps), stork_connector.TO_US.certificate
    held = encrypt(assertion_element(stork_connector.PERSON), ours, STORK, content=AES256_GCM, wrap=KW_AES256)
    answer = forge.post(forge.signed(etree.tostring(response_element(stork_connector.HEAD, held)), ["_response0001"], peps))
    frontend = stork_frontend.frontend(encryption_certificate=ours)
    question = stork_frontend.posted(stork_frontend.REQUEST)

    def cross() -> object:
        connector.request(_ask(), NOW)
        received = frontend.receive(question, NOW)
        if not isinstance(received, Received):
            raise TypeError("the request is not taken")
        attributes = stork_frontend.judged(received.request, stork_frontend.PERSON)
        frontend.answer(stork_frontend.released(received.request, attributes), NOW)
        return connector.receive(answer, stork_connector.EXPECTATION, NOW)

    return cross
