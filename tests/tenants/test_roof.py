"""Several tenants in one process: each on its own host, none touched by what is wrong with another."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from shutil import copy

import anyio
import pytest
import structlog
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from httpx2 import ASGITransport, AsyncClient, Response

from idp.application.tenants import OpenInstallation, open_installation
from idp.config.settings import tenant_folders
from idp.config.tenant_conflicts import conflicts
from idp.keys.index_folder import separate
from idp.monitoring.listener import exposition, ready
from idp.monitoring.measures import Measures
from policies.errors import Misconfigured
from tests.idp.server.crew import until
from tests.tenants.roof import NOW, Roof, issuer

DISCOVERY = "/.well-known/openid-configuration"
Open = Callable[[Roof], OpenInstallation]


def get(opened: OpenInstallation, address: str, host: str = "", **headers: str) -> Response:
    """One request to what is served; `host` replaces the Host header."""

    async def ask() -> Response:
        async with AsyncClient(transport=ASGITransport(opened.asgi), base_url="https://x") as client:
            return await client.get(address, headers={**({"host": host} if host else {}), **headers})

    return anyio.run(ask)


def what(error: Misconfigured) -> str:
    return "\n".join(str(problem) for problem in error.problems)


def test_each_host_is_served_by_its_own_tenant(roof: Roof, opened: Open) -> None:
    served = opened(roof)
    for name in ("alder", "birch"):
        answer = get(served, f"{issuer(name)}{DISCOVERY}")
        assert (answer.status_code, answer.json()["issuer"]) == (200, issuer(name))
    keys = [get(served, f"{issuer(name)}/jwks").json()["keys"][0]["kid"] for name in ("alder", "birch")]
    assert keys[0] != keys[1]
    assert served.addresses == (issuer("alder"), issuer("birch"))
    assert (served.process.host, served.process.port) == ("127.0.0.1", 8400)


@pytest.mark.spec("RFC 9110 §4.2.3")
@pytest.mark.parametrize("host", ["ALDER.example", "alder.example:443", "Alder.Example:443"])
def test_a_host_has_no_case_and_may_have_its_schemes_port(roof: Roof, opened: Open, host: str) -> None:
    answer = get(opened(roof), f"{issuer('alder')}{DISCOVERY}", host=host)
    assert (answer.status_code, answer.json()["issuer"]) == (200, issuer("alder"))


@pytest.mark.parametrize(
    "host", ["cedar.example", "127.0.0.1", "localhost:8400", "alder.example:80", "alder.example.", "x@alder.example"]
)
def test_another_host_is_nobodys(roof: Roof, opened: Open, host: str) -> None:
    answer = get(opened(roof), f"{issuer('alder')}{DISCOVERY}", host=host)
    assert answer.status_code == 421
    assert "host name" in answer.text


def test_a_proxy_that_asks_after_the_worker_needs_no_host_of_a_city(roof: Roof, opened: Open) -> None:
    """One city's database may be away: the worker still serves the others, and is not to be passed over."""
    served = opened(roof)
    assert get(served, "https://x/healthz", host="127.0.0.1").status_code == 503
    served.tenants["birch"].vitals.look()
    assert [one.vitals.fit for one in served.tenants.values()] == [False, True]
    assert get(served, "https://x/healthz", host="127.0.0.1").status_code == 204
    assert get(served, "https://x/healthz", host="cedar.example").status_code == 421
    served.start()
    try:
        end = time.monotonic() + 20
        while (answer := get(served, "https://x/healthz", host="127.0.0.1")).status_code != 204:
            assert time.monotonic() < end, answer.status_code
            time.sleep(0.05)
    finally:
        served.stop()
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("accept", ["en", "et", "zh-CN"])
def test_a_broken_tenant_answers_503_on_its_host_while_the_rest_serve(roof: Roof, opened: Open, accept: str) -> None:
    (roof.tenant("birch") / "keys" / "es256.pem").write_text("no key", encoding="utf-8")
    with structlog.testing.capture_logs() as logs:
        served = opened(roof)
        closed = get(served, f"{issuer('birch')}/authorize?client_id=x", **{"accept-language": accept})
    assert get(served, f"{issuer('alder')}{DISCOVERY}").status_code == 200
    assert (closed.status_code, closed.headers["retry-after"]) == (503, "300")
    assert "es256" not in closed.text
    assert f'lang="{ {"zh-CN": "zh-Hans"}.get(accept, accept) }"' in closed.text
    told = next(line for line in logs if line["event"] == "tenant_broken")
    assert (told["tenant"], told["issuer"]) == ("birch", issuer("birch"))
    assert any("es256.pem" in problem for problem in told["problems"])
    assert [one.name for one in served.broken] == ["birch"]


def test_a_flood_at_a_broken_tenants_host_makes_one_line_and_one_page_a_language(roof: Roof, opened: Open) -> None:
    (roof.tenant("birch") / "keys" / "es256.pem").write_text("no key", encoding="utf-8")
    served = opened(roof)
    with structlog.testing.capture_logs() as logs:
        pages = {
            get(served, f"{issuer('birch')}/login/{number:022d}/decision/MARIA", **{"accept-language": accept}).text
            for number in range(20)
            for accept in ("en", "et", f"en;q=0.{number}")
        }
    assert [line["event"] for line in logs] == ["refused"]
    assert (logs[0]["tenant"], "path" in logs[0], "MARIA" in repr(logs)) == ("birch.example", False, False)
    assert len(pages) == 2
    assert all(logs[0]["reference"] in page for page in pages), "the page leads to the line"


@pytest.mark.parametrize(
    ("file", "tenant"),
    [("keys/es256.pem", "birch.example"), ("parties/x.toml", "birch.example"), ("ciconia.toml", "birch")],
)
def test_whoever_watches_is_told_which_tenant_is_broken_and_the_others_are_ready(
    roof: Roof, file: str, tenant: str
) -> None:
    (roof.tenant("birch") / file).write_text("qxwvzk-canary = ", encoding="utf-8")
    measures = Measures()
    served = open_installation(roof.folder, clock=lambda: NOW, measures=measures)
    served.start()
    try:
        until(lambda: ready(measures).any)
        assert ready(measures).tenants == {"alder.example": True}
        assert ready(measures).broken == {tenant: "configuration"}
        shown = exposition(measures).decode()
        assert f'ciconia_tenant_broken{{tenant="{tenant}",why="configuration"}} 1.0' in shown.splitlines()
        assert "canary" not in shown
    finally:
        served.stop()


@pytest.mark.parametrize(
    "where",
    [
        "idp.config.tenant_conflicts.examine_settings",
        "idp.application.tenants.load_whole",
        "idp.application.tenants.Application",
    ],
)
def test_what_nobody_foresaw_at_one_tenant_closes_that_one_alone_and_its_text_is_told_to_nobody(
    roof: Roof, opened: Open, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    module, _, name = where.rpartition(".")
    true = getattr(sys.modules[module], name)

    def fails(folder: Path, *arguments: object, **named: object) -> object:
        if folder.name == "birch":
            raise KeyError("hunter2")
        return true(folder, *arguments, **named)

    monkeypatch.setattr(where, fails)
    with structlog.testing.capture_logs() as logs:
        served = opened(roof)
    assert get(served, f"{issuer('alder')}{DISCOVERY}").status_code == 200
    if where.endswith("settings"):
        assert not served.broken, "only whose host it is was not to be seen"
        return
    assert [one.name for one in served.broken] == ["birch"]
    assert get(served, f"{issuer('birch')}{DISCOVERY}").status_code == 503
    assert "KeyError" in str(served.broken[0].problems[0])
    assert ("birch" in str(logs), "hunter2" in str(logs)) == (True, False)


# -- what two tenants may not share


def test_two_tenants_with_one_host_are_both_closed_whatever_the_port(roof: Roof, opened: Open) -> None:
    other = roof.folder / "tenants" / "cedar"
    other.mkdir()
    (other / "ciconia.toml").write_text('issuer = "https://alder.example:8443"\n', encoding="utf-8")
    served = opened(roof)
    assert {one.name: one.problems[0].key for one in served.broken} == {"alder": "issuer", "cedar": "issuer"}
    assert "cedar has the same" in str(served.broken[0].problems[0])
    assert get(served, f"{issuer('alder')}{DISCOVERY}").status_code == 503
    assert get(served, f"{issuer('birch')}{DISCOVERY}").status_code == 200


@pytest.mark.parametrize(
    ("second", "keys"),
    [
        ("https://audit.example", ["auditor.url", "auditor.url"]),
        # Whatever its port
        ("https://audit.example:8443", ["auditor.url", "auditor.url"]),
        # The desk of one at the host of another's citizens
        ("https://alder.example:8443", ["auditor.url", "issuer"]),
        ("https://audit.birch.example", []),
    ],
)
def test_two_tenants_with_one_host_of_a_desk_are_both_refused(roof: Roof, second: str, keys: list[str]) -> None:
    for name, url in (("alder", "https://audit.example"), ("birch", second)):
        settings = roof.tenant(name) / "ciconia.toml"
        desk = f'\n[auditor]\nlisten = "127.0.0.1:8500"\nurl = "{url}"\npasskeys = true\n'
        settings.write_text(settings.read_text(encoding="utf-8") + desk, encoding="utf-8")
    found = conflicts(tenant_folders(roof.folder))
    assert sorted(problem.key for each in found.values() for problem in each) == keys
    if keys:
        assert set(found) == {"alder", "birch"}
        assert "auditor.url: alder has the same. Fix: Give each desk a host of its own" in str(found["birch"][0])


@pytest.mark.parametrize(
    "name", ["sealing.key", "pairwise.key", "index.key", "openings.key", "es256.pem", "rs256.pem", "log.key", "saml.pem"]
)
def test_two_tenants_with_one_key_are_both_refused(roof: Roof, name: str) -> None:
    copy(roof.tenant("alder") / "keys" / name, roof.tenant("birch") / "keys" / name)
    with pytest.raises(Misconfigured) as refused:
        open_installation(roof.folder)
    assert f"tenants/birch/keys/{name}: keys: alder has the same. Fix: Take the copy out" in what(refused.value)


def test_two_tenants_whose_keys_of_persons_lie_in_one_folder_are_both_refused(roof: Roof, tmp_path: Path) -> None:
    apart = tmp_path / "index"
    apart.mkdir(0o700)
    separate(roof.tenant("alder") / "keys", apart)
    for name in ("alder", "birch"):
        settings = roof.tenant(name) / "ciconia.toml"
        settings.write_text(f'index_keys = "{apart}"\n{settings.read_text(encoding="utf-8")}', encoding="utf-8")
    found = conflicts(tenant_folders(roof.folder))
    assert {name: len(each) for name, each in found.items()} == {"alder": 2, "birch": 2}
    assert f"{apart / 'index.key'}: keys: alder has the same" in str(found["birch"][0])


def test_one_private_key_in_two_files_that_differ_in_every_byte_is_the_same(roof: Roof) -> None:
    text = (roof.tenant("alder") / "keys" / "saml.pem").read_bytes()
    key = load_pem_private_key(text.partition(b"-----BEGIN CERT")[0], password=None)
    other = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    (roof.tenant("birch") / "keys" / "rs256.pem").write_bytes(b"# of birch\r\n" + other.replace(b"\n", b"\r\n"))
    assert "alder has the same" in str(conflicts(tenant_folders(roof.folder))["birch"][0])


def test_what_is_no_secret_may_lie_in_two_folders_of_keys(roof: Roof) -> None:
    chain = (roof.tenant("alder") / "keys" / "saml.pem").read_bytes().partition(b"-----END PRIVATE KEY-----\n")[2]
    assert chain.startswith(b"-----BEGIN CERTIFICATE-----")
    for name in ("alder", "birch"):
        keys = roof.tenant(name) / "keys"
        (keys / ".gitignore").write_text("*\n", encoding="ascii")
        (keys / "README").write_text("-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n", encoding="ascii")
        (keys / "chain.pem").write_bytes(chain)
    assert conflicts(tenant_folders(roof.folder)) == {}


def test_tenants_as_they_should_be_share_nothing(roof: Roof) -> None:
    assert conflicts(tenant_folders(roof.folder)) == {}


# -- the settings of the process


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('issuer = "https://x.example"\n', "Move it to tenants/NAME/ciconia.toml."),
        ('listten = "127.0.0.1:1"\n', "Did you mean listen?"),
        ('listen = "127.0.0.1:99999"\n', "no such port"),
        ('trusted_proxies = ["0.0.0.0/0"]\n', "trust everybody"),
        ("listen", "no TOML"),
    ],
)
def test_what_is_wrong_with_the_process_keeps_all_of_it_from_starting(roof: Roof, text: str, told: str) -> None:
    (roof.folder / "ciconia.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured) as refused:
        open_installation(roof.folder)
    assert told in what(refused.value)
