"""TLS certificates of services (RFC 8705) through nginx and haproxy from Debian, with the blocks of docs/ for them."""

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.connectors.client_certificates import Key, escaped, made
from tests.idp.server.machines import fronting
from tests.idp.server.test_proxies import HAPROXY, NGINX, substituted
from tests.idp.staging import Clock, opened
from tests.idp.web.certificate_stage import HEADER, NAMED, CertificateStage
from tests.idp.web.visitor import FORM_TYPE, VERIFIER, Visitor
from tests.peers import require_peer
from tests.ports import free_port

pytestmark = [pytest.mark.peer]
Answer = tuple[int, Mapping[str, object]]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CertificateStage]:
    with opened(CertificateStage(tmp_path_factory.mktemp("certificates") / "stage", Clock())) as found:
        yield found


def _written(folder: Path, name: str, certificate: x509.Certificate, key: Key) -> Path:
    """A certificate with its key, as haproxy and Python read them, and apart, as nginx does."""
    public = certificate.public_bytes(Encoding.PEM)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for ending, content in (("crt", public), ("key", private), ("pem", public + private)):
        (folder / f"{name}.{ending}").write_bytes(content)
    return folder / f"{name}.pem"


class Front:
    """The addresses of one proxy: for citizens, and for services with a certificate."""

    def __init__(self, stage: CertificateStage, folder: Path) -> None:
        self.stage, self.folder = stage, folder
        self.plain, self.secure = free_port(), free_port()
        self.host = urlsplit(stage.issuer).netloc
        own = made(stage.authority_key, subject="CN=localhost", names=(x509.DNSName("localhost"),), end=stage.clock() + 99)
        self.server = _written(folder, "login", own, stage.authority_key)
        _written(folder, "services", stage.authority, stage.authority_key)

    def command(self, program: Path, broker: int) -> list[str]:
        """The program with the configuration of docs/, its block for services switched on."""
        words = {
            "X-Forwarded-Proto https": "X-Forwarded-Proto http",
            "10.0.0.11:8400": f"127.0.0.1:{broker}",
            "10.0.0.12:8400": f"127.0.0.1:{broker}",
            "Host login.city.example": f"Host {self.host}",
            "#- ": "",
            "#-\n": "\n",
        }
        if program is HAPROXY:
            more = {
                "bind :443 ssl crt /etc/haproxy/login.pem alpn h2,http/1.1": f"bind 127.0.0.1:{self.plain}",
                "bind :8443": f"bind 127.0.0.1:{self.secure}",
                "/etc/haproxy": str(self.folder),
            }
            del words["#-\n"]
        else:
            name = ";\n        server_name login"
            more = {
                f"        listen 443 ssl{name}": f"        listen 127.0.0.1:{self.plain}{name}",
                "        ssl_certificate /etc/nginx/login.crt;\n        ssl_certificate_key /etc/nginx/login.key;\n": "",
                "listen 443 ssl": f"listen 127.0.0.1:{self.secure} ssl",
                "/etc/nginx": str(self.folder),
                "worker_processes auto;": "worker_processes 1;",
            }
        path = self.folder / "proxy"
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        places = "".join(f"{kind}_temp_path {self.folder / kind}-files;\n" for kind in kinds)
        text = substituted("haproxy.cfg" if program is HAPROXY else "nginx.conf", {**more, **words})
        path.write_text(text.replace("http {\n", f"http {{\n{places}", 1), encoding="utf-8")
        if program is HAPROXY:
            return [str(HAPROXY), "-db", "-f", str(path)]
        told = ["-p", str(self.folder), "-e", str(self.folder / "error"), "-c", str(path)]
        return [str(NGINX), *told, "-g", f"daemon off; pid {self.folder}/pid;"]

    def asked(self, name: str, path: str, body: str | None, **headers: str) -> Answer:
        """One request with the certificate of this name, "" over http at the address for citizens."""
        if not name:
            connection = HTTPConnection("127.0.0.1", self.plain, timeout=30)
        else:
            trusting = ssl.create_default_context(cafile=str(self.folder / "login.crt"))
            trusting.load_cert_chain(self.folder / f"{name}.pem")
            connection = HTTPSConnection("localhost", self.secure, timeout=30, context=trusting)
        sent = {"Host": self.host if not name else f"localhost:{self.secure}", "Content-Type": FORM_TYPE, **headers}
        with closing(connection):
            connection.request("POST" if body is not None else "GET", path, body=body, headers=sent)
            response = connection.getresponse()
            content = response.read()
        return response.status, json.loads(content) if content.startswith(b"{") else {}

    def redeemed(self, name: str, **headers: str) -> Answer:
        """A code of the service that is known by its certificate's name, redeemed with the certificate of this file."""
        with Visitor(self.stage) as visitor:
            code = visitor.code(client_id=NAMED, scope="openid")
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": NAMED,
            "redirect_uri": f"{self.stage.city_base}/{NAMED}/callback",
            "code_verifier": VERIFIER,
        }
        return self.asked(name, "/token", urlencode(fields), **headers)


@pytest.mark.spec("RFC 8705 §2.1")
@pytest.mark.spec("RFC 8705 §3")
@pytest.mark.spec("RFC 8705 §6.5")
@pytest.mark.parametrize("program", [NGINX, HAPROXY], ids=["nginx", "haproxy"])
def test_the_proxy_verifies_the_chain_and_hands_on_the_certificate_and_nobody_elses(
    stage: CertificateStage, tmp_path: Path, program: Path
) -> None:
    require_peer(program.name, present=program.exists())
    front = Front(stage, tmp_path)
    for name, certificate, key in (
        ("permits", stage.permits, stage.permits_key),
        ("neighbour", stage.neighbour, stage.thief_key),
        ("forged", stage.forged, stage.thief_key),
    ):
        _written(tmp_path, name, certificate, key)
    with (
        stage.behind("127.0.0.1") as broker,
        fronting(front.command(program, broker), front.secure, tmp_path / "front"),
    ):
        status, tokens = front.redeemed("permits")
        assert (status, tokens.get("token_type")) == (200, "Bearer"), tokens
        bearer = f"Bearer {tokens['access_token']}"
        assert front.asked("permits", "/userinfo", None, Authorization=bearer)[1]["age_over_18"] is True
        # Another certificate of the authority, whatever header it sends beside, and none at the address for citizens
        spoofed = {HEADER: escaped(stage.permits)}
        for name in ("neighbour", ""):
            assert front.redeemed(name, **spoofed)[1]["error"] == "invalid_client", name
            status, refused = front.asked(name, "/userinfo", None, Authorization=bearer, **spoofed)
            assert (status, refused["error"]) == (401, "invalid_token"), name
        # The right name by nobody's authority does not come as far as the broker
        try:
            status, refused = front.redeemed("forged")
        except (ssl.SSLError, HTTPException, ConnectionError):
            return
        assert (status, refused) == (400, {})
