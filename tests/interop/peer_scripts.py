"""The peers that are scripts of this folder: node-saml, samlp and lasso. They answer by lines of JSON."""

from collections.abc import Mapping
from pathlib import Path

from connectors.connector import Inbound
from tests.connectors import forge
from tests.connectors.forge import ACS, IDP, SP, SSO
from tests.interop import messages
from tests.interop.messages import OURS, THEIRS
from tests.interop.node import Node, require_node
from tests.interop.saml_peers import Refused
from tests.interop.speaking import HERE, Speaking
from tests.peers import require_peer

DEBIAN_PYTHON = Path("/usr/bin/python3")
ATTRIBUTES = {"urn:oid:2.5.4.4": "Õunapuu-李", "urn:oid:2.5.4.42": "Mari & Jüri"}


def as_json(message: Inbound) -> dict[str, object]:
    if message.binding == "redirect":
        return {"binding": "redirect", "query": message.raw}
    return {"binding": "post", "fields": dict(message.parameters)}


def as_inbound(said: Mapping[str, object]) -> Inbound:
    if said["binding"] == "redirect":
        return Inbound("redirect", {}, str(said["query"]))
    fields = said["fields"]
    assert isinstance(fields, dict)
    return Inbound("post", {str(name): str(value) for name, value in fields.items()})


class Script:
    """One that runs. Implements `saml_peers.SamlPeer`."""

    def __init__(self, speaking: Speaking) -> None:
        self._speaking = speaking

    def _do(self, task: str, **more: object) -> dict[str, object]:
        now = messages.clock()
        times = {"now": forge.clock(now), "until": forge.clock(now + 300)}
        said = self._speaking.ask({"do": task, "level": forge.HIGH, "attributes": ATTRIBUTES, **times, **more})
        if "refused" in said:
            raise Refused(said["refused"])
        return said

    def answer(self, request: Inbound, request_id: str, signed_at: str, *, encrypted: bool) -> Inbound:
        # A text for those that sign what they are given
        xml = messages.text_of(messages.reply(request_id)).decode()
        return as_inbound(self._do("answer", request=as_json(request), xml=xml, signed_at=signed_at, encrypted=encrypted))

    def ask(self, binding: str) -> Inbound:
        return as_inbound(self._do("ask", binding=binding))

    def hear(self, answer: Inbound) -> str:
        return str(self._do("hear", answer=as_json(answer))["said"])

    def begin_logout(self, binding: str) -> Inbound:
        return as_inbound(self._do("begin_logout", binding=binding))

    def hear_logout(self, answer: Inbound) -> str:
        return str(self._do("hear_logout", answer=as_json(answer))["said"])

    def end_logout(self, request: Inbound) -> Inbound:
        return as_inbound(self._do("end_logout", request=as_json(request)))

    def close(self) -> None:
        self._speaking.close()


def _environment(folder: Path, **more: str) -> dict[str, str]:
    paths = messages.written(folder)
    return {
        "FOLDER": str(folder),
        "KEY": paths["theirs.key"],
        "CERT": paths["theirs.crt"],
        "OURS": paths["ours.crt"],
        "IDP": IDP,
        "SP": SP,
        "SSO": SSO,
        "ACS": ACS,
        "PERSISTENT": forge.PERSISTENT,
        "SUBJECT": messages.SUBJECT,
        "SESSION": messages.SESSION,
        "RELAY_STATE": messages.RELAY_STATE,
        **more,
    }


def node_saml(folder: Path) -> Script:
    require_node("@node-saml/node-saml")
    return Script(Node("node_saml_peer.cjs", _environment(folder, SLO=messages.SLO[IDP])))


def samlp(folder: Path) -> Script:
    require_node("samlp")
    return Script(Node("samlp_peer.cjs", _environment(folder, SLO=messages.SLO[SP])))


def lasso(folder: Path) -> Script:
    """Its Python package is Debian's, which no virtual environment sees."""
    found = [str(path) for path in Path("/usr/lib/python3/dist-packages").glob("lasso.py")]
    require_peer("python3-lasso", present=bool(found) and DEBIAN_PYTHON.exists())
    environment = _environment(folder)
    for entity, kind in ((IDP, "idp"), (SP, "sp")):
        for name in (OURS, THEIRS):
            (folder / f"{kind}-{name}.xml").write_text(messages.metadata(entity, name), encoding="utf-8")
    # It signs assertions for whoever wants them signed
    wants = messages.metadata(SP, OURS).replace("AuthnRequestsSigned", 'WantAssertionsSigned="true" AuthnRequestsSigned')
    (folder / "sp-ours-signed.xml").write_text(wants, encoding="utf-8")
    return Script(Speaking([str(DEBIAN_PYTHON), "-I", str(HERE / "lasso_peer.py")], environment))
