"""Two machines behind haproxy and behind nginx from Debian, with the configurations of docs/, and one PostgreSQL.

What is changed in these for a test is what an operator changes, and, where the demo plays, that its issuer is http: every
replacement must find its text, so that the files stay what is tested.
"""

import asyncio
import signal
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from idp.demo.browser import Browser, Page
from tests.benchmarks.logins import ours, over_saml
from tests.benchmarks.logins_peers import Connection
from tests.benchmarks.logins_stage import HOST, make_stage, new_party, pem_of
from tests.idp.server.crew import until
from tests.idp.server.machines import DECISION, Citizens, Machines, brought, fronting, to_the_question, verified
from tests.peers import require_peer
from tests.ports import free_port
from tests.postgres import own_server, server

pytestmark = [pytest.mark.peer, pytest.mark.slow]

DOCS = Path(__file__).parents[3] / "docs"
HAPROXY, NGINX = Path("/usr/sbin/haproxy"), Path("/usr/sbin/nginx")


def substituted(name: str, words: Mapping[str, str]) -> str:
    """A configuration of docs/ with other addresses."""
    text = (DOCS / name).read_text(encoding="utf-8")
    for word, other in words.items():
        assert word in text, f"{name} has no {word}"
        text = text.replace(word, other)
    return text


def haproxy(folder: Path, front: int, ports: Sequence[int], *, tls: bool = False) -> list[str]:
    """The command; http, as the demo's issuer is, or with the certificate of `login.pem` in the folder."""
    plain = {
        "bind :443 ssl crt /etc/haproxy/login.pem alpn h2,http/1.1": f"bind 127.0.0.1:{front}",
        "X-Forwarded-Proto https": "X-Forwarded-Proto http",
    }
    words = {
        **({"bind :443": f"bind 127.0.0.1:{front}", "/etc/haproxy": str(folder)} if tls else plain),
        "10.0.0.11:8400": f"127.0.0.1:{ports[0]}",
        "10.0.0.12:8400": f"127.0.0.1:{ports[1]}",
    }
    path = folder / "haproxy.cfg"
    path.write_text(substituted("haproxy.cfg", words), encoding="utf-8")
    return [str(HAPROXY), "-db", "-f", str(path)]


def nginx(folder: Path, front: int, ports: Sequence[int], *, tls: bool = False) -> list[str]:
    """The same; its certificate is in `login.crt`, and the key in `login.key`."""
    plain = {
        "listen 443 ssl;": f"listen 127.0.0.1:{front};",
        "        ssl_certificate /etc/nginx/login.crt;\n        ssl_certificate_key /etc/nginx/login.key;\n": "",
        "X-Forwarded-Proto https": "X-Forwarded-Proto http",
    }
    words = {
        **({"listen 443": f"listen 127.0.0.1:{front}", "/etc/nginx": str(folder)} if tls else plain),
        "10.0.0.11:8400": f"127.0.0.1:{ports[0]}",
        "10.0.0.12:8400": f"127.0.0.1:{ports[1]}",
        "worker_processes auto;": "worker_processes 1;",
    }
    path = folder / "nginx.conf"
    places = "".join(
        f"{kind}_temp_path {folder / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    text = substituted("nginx.conf", words).replace("http {\n", f"http {{\n{places}", 1)
    path.write_text(text, encoding="utf-8")
    return [
        str(NGINX),
        "-p",
        str(folder),
        "-e",
        str(folder / "error"),
        "-c",
        str(path),
        "-g",
        f"daemon off; pid {folder}/pid;",
    ]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Machines]:
    found = Machines(tmp_path / "stage", database=server().fresh())
    yield found
    found.close()


@pytest.mark.parametrize(("program", "command"), [(HAPROXY, haproxy), (NGINX, nginx)], ids=["haproxy", "nginx"])
def test_no_login_fails_while_both_machines_are_restarted_one_after_the_other(
    stage: Machines, tmp_path: Path, program: Path, command: Callable[[Path, int, Sequence[int]], list[str]]
) -> None:
    require_peer(program.name, present=program.exists())
    options = ("--workers", "2", "--drain", "3" if program is HAPROXY else "0")
    with ExitStack() as stack:
        machines = [stack.enter_context(stage.serving(number, *options)) for number in range(2)]
        stack.enter_context(fronting(command(tmp_path, stage.front, stage.ports), stage.front, tmp_path / "front"))
        with Citizens(stage).flowing() as citizens:
            citizens.await_more(4)
            for number in range(2):
                assert machines[number].end(signal.SIGTERM) == 0
                citizens.await_more(4)
                stack.enter_context(stage.serving(number, *options))
                citizens.await_more(6)
    assert citizens.failed == []
    assert verified(stage.folders[0], staged=True) >= citizens.done
    print(f"{program.name}: {citizens.done} logins through two restarts, the longest in {citizens.longest:.1f} s")


@pytest.mark.parametrize(("program", "command"), [(HAPROXY, haproxy), (NGINX, nginx)], ids=["haproxy", "nginx"])
def test_where_the_database_is_away_citizens_read_our_page_and_nothing_is_lost(
    tmp_path: Path, program: Path, command: Callable[[Path, int, Sequence[int]], list[str]]
) -> None:
    require_peer(program.name, present=program.exists())
    front = tmp_path / "front"
    with own_server() as database, ExitStack() as stack:
        stage = Machines(tmp_path / "stage", database=database.fresh())
        stack.callback(stage.close)
        for number in range(2):
            stack.enter_context(stage.serving(number, "--workers", "2"))
        stack.enter_context(fronting(command(tmp_path, stage.front, stage.ports), stage.front, front))
        party, browser = stage.party(), stack.enter_context(Browser())
        stack.callback(party.close)
        address, state = party.begin()
        question = to_the_question(stage, browser, address, "mari")
        database.kill()
        if program is HAPROXY:
            until(lambda: front.read_text(encoding="utf-8").count(" is DOWN") == 2)
        for _ in range(4):
            page = browser.submit(question, {"choice": "approve"}, DECISION)
            assert (page.status, page.tree.findtext(".//h1")) == (503, "We cannot record anything at the moment")
        database.start()
        leaving: list[Page] = []

        def goes() -> bool:
            leaving.append(browser.submit(question, {"choice": "approve"}, DECISION))
            return leaving[-1].status == 200

        until(goes)
        party.receive(brought(leaving[-1]), state)


@pytest.mark.parametrize(("program", "command"), [(HAPROXY, haproxy), (NGINX, nginx)], ids=["haproxy", "nginx"])
def test_a_login_goes_through_tls_as_the_page_has_it(
    tmp_path: Path, program: Path, command: Callable[..., list[str]]
) -> None:
    """The issuer is https here; of the configuration only addresses and the folder of the key are changed."""
    require_peer(program.name, present=program.exists())
    stage, front = make_stage(tmp_path / "stage"), free_port()
    own = new_party(HOST)
    certificate = pem_of(own.certificate)
    for name, content in (("login.crt", certificate), ("login.key", own.pem), ("login.pem", certificate + own.pem)):
        (tmp_path / name).write_bytes(content)
    trusting = ssl.create_default_context(cadata=certificate.decode())
    trusting.check_hostname = False  # the name stands in its subject alone
    login = ours(over_saml(stage.provider), stage.party)

    async def signs_in(times: int) -> None:
        browser = Connection(HOST, front, trusting)
        for _ in range(times):
            browser.fresh()
            await login(browser)
        browser.close()
        await asyncio.sleep(0.2)  # TLS says goodbye

    with ExitStack() as stack:
        stack.enter_context(stage.serve(2))
        until(lambda: healthy(stage.port), 60)
        proxy = command(tmp_path, front, [stage.port] * 2, tls=True)
        stack.enter_context(fronting(proxy, front, tmp_path / "front"))
        # In a thread of its own: where a browser was tested before, this one has a loop already
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, signs_in(5)).result()
        with socket.create_connection(("127.0.0.1", front)) as plain:
            plain.sendall(b"GET /jwks HTTP/1.1\r\nHost: broker.bench.example\r\n\r\n")
            assert b" 200 " not in plain.recv(1000)
        with trusting.wrap_socket(socket.create_connection(("127.0.0.1", front)), server_hostname=HOST) as secure:
            secure.sendall(f"GET /jwks HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            assert b"\r\nstrict-transport-security: max-age=15552000\r\n" in secure.recv(4000).lower()
        trusting.set_alpn_protocols(["h2", "http/1.1"])
        with trusting.wrap_socket(socket.create_connection(("127.0.0.1", front)), server_hostname=HOST) as browser:
            assert (browser.selected_alpn_protocol() == "h2") == (program is HAPROXY)
            assert browser.version() in {"TLSv1.2", "TLSv1.3"}


@pytest.mark.spec("FAPI 2.0 Security Profile §5.2.1; FAPI 2.0 Security Profile §5.2.2; RFC 9325 §3.1.1; RFC 9325 §4.2")
@pytest.mark.parametrize(("program", "command"), [(HAPROXY, haproxy), (NGINX, nginx)], ids=["haproxy", "nginx"])
def test_only_tls_as_bcp_195_wants_it_is_spoken(tmp_path: Path, program: Path, command: Callable[..., list[str]]) -> None:
    require_peer(program.name, present=program.exists())
    own, front = new_party(HOST), free_port()
    certificate = pem_of(own.certificate)
    for name, content in (("login.crt", certificate), ("login.key", own.pem), ("login.pem", certificate + own.pem)):
        (tmp_path / name).write_bytes(content)

    def spoken(version: ssl.TLSVersion, ciphers: str) -> str:
        trusting = ssl.create_default_context(cadata=certificate.decode())
        trusting.check_hostname = False  # the name stands in its subject alone
        trusting.set_ciphers(f"{ciphers}:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python's, for the versions that are to be refused
            trusting.minimum_version = trusting.maximum_version = version
        try:
            with trusting.wrap_socket(socket.create_connection(("127.0.0.1", front)), server_hostname=HOST) as secure:
                agreed = secure.cipher()
                assert agreed is not None
                return agreed[0]
        except (ssl.SSLError, ConnectionError):
            return ""

    with fronting(command(tmp_path, front, [free_port()] * 2, tls=True), front, tmp_path / "front"):
        for weak in ("AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA", "DHE-RSA-AES128-GCM-SHA256"):
            assert spoken(ssl.TLSVersion.TLSv1_2, weak) == "", weak
        for good in ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"):
            assert spoken(ssl.TLSVersion.TLSv1_2, good) == good
        assert spoken(ssl.TLSVersion.TLSv1_3, "ALL").startswith("TLS_")
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            assert spoken(version, "ALL") == "", version.name


def healthy(port: int) -> bool:
    """Whether a worker serves there. What comes before one does waits in the socket's queue."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", "/healthz", headers={"Host": HOST, "X-Forwarded-Proto": "https"})
        return connection.getresponse().status == 204


@pytest.mark.parametrize(("program", "command"), [(HAPROXY, haproxy), (NGINX, nginx)], ids=["haproxy", "nginx"])
def test_a_post_that_a_machine_may_have_taken_is_never_repeated(
    tmp_path: Path, program: Path, command: Callable[[Path, int, Sequence[int]], list[str]]
) -> None:
    """Two servers that take a request and hang up: a GET is asked of the other one, a POST is not."""
    require_peer(program.name, present=program.exists())
    taken: list[str] = []
    pair = [Silent(taken) for _ in range(2)]
    front = free_port()
    with ExitStack() as stack:
        for one in pair:
            stack.callback(one.close)
        stack.enter_context(fronting(command(tmp_path, front, [one.port for one in pair]), front, tmp_path / "front"))
        until(lambda: answers(front, "GET", taken) >= 2)
        found: list[int] = []

        def some() -> bool:
            # None, while the proxy holds both for dead
            found.append(answers(front, "POST", taken))
            return found.count(1) >= 2

        until(some)
        assert max(found) == 1


def answers(front: int, method: str, taken: list[str]) -> int:
    """How many servers took a request with a body of its own, once the proxy has given up on it."""
    taken.clear()
    connection = HTTPConnection("127.0.0.1", front, timeout=10)
    with closing(connection):
        connection.request(method, "/login/decide", body=b"choice=approve" if method == "POST" else None)
        response = connection.getresponse()
        response.read()
        assert response.status in {502, 503}
    return taken.count(method)


class Silent:
    """Healthy by its own word; of anything else it takes note, and hangs up."""

    def __init__(self, taken: list[str]) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._taken = taken
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                request = connection.recv(65536)
                if b" /healthz " in request:
                    connection.sendall(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
                elif request:
                    self._taken.append(request.split()[0].decode())
