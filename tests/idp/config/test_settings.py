"""`ciconia.toml`: what it may say, and every problem of it at once with file, line, key and fix."""

from pathlib import Path

import pytest

from idp.config.settings import SETTINGS_FILE, Settings, examine_process, load_settings
from idp.server.http import bind
from idp.system.port_clash import EVERY_IPV4
from policies.errors import Misconfigured, Problem

HTTPS = 'issuer = "https://login.city.example"\n'


def _load(folder: Path, text: str) -> Settings:
    (folder / SETTINGS_FILE).write_text(text, encoding="utf-8")
    return load_settings(folder)


def _problems(folder: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(Misconfigured) as refused:
        _load(folder, text)
    for problem in refused.value.problems:
        assert problem.file == str(folder / SETTINGS_FILE)
        assert problem.what
        assert problem.fix
    return refused.value.problems


def test_an_issuer_is_enough(tmp_path: Path) -> None:
    settings = _load(tmp_path, HTTPS)
    assert settings.tenant == "login.city.example"
    assert settings.origin == "login.city.example/log"
    assert (settings.host, settings.port) == ("127.0.0.1", 8400)
    assert settings.trusted_proxies == ["127.0.0.1", "::1"]
    assert settings.checkpoint_seconds == 10
    assert not settings.demo
    assert settings.key_folder == tmp_path.resolve() / "keys"
    assert settings.database_url == f"sqlite:///{tmp_path.resolve()}/ciconia.db"


def test_relative_paths_start_at_the_folder_and_absolute_ones_stay(tmp_path: Path) -> None:
    settings = _load(tmp_path, HTTPS + 'database = "../else/x.db"\nkeys = "/etc/ciconia/keys"\n')
    assert settings.database_url == f"sqlite:///{tmp_path.resolve().parent}/else/x.db"
    assert settings.key_folder == Path("/etc/ciconia/keys")
    assert _load(tmp_path, HTTPS + 'database = "sqlite:////var/x.db"\n').database_url == "sqlite:////var/x.db"


def test_listen_names_host_and_port(tmp_path: Path) -> None:
    for listen, host, port in [
        ("192.0.2.1:80", "192.0.2.1", 80),
        ("[::1]:8400", "::1", 8400),
        ("localhost:0", "localhost", 0),
    ]:
        settings = _load(tmp_path, HTTPS + f'listen = "{listen}"\n')
        assert (settings.host, settings.port) == (host, port)


def test_an_origin_in_its_one_spelling_is_an_issuer(tmp_path: Path) -> None:
    for issuer in ["https://a", "https://login.city.example:8443", "https://xn--strk-loa.example", "https://10.0.0.1"]:
        assert _load(tmp_path, f'issuer = "{issuer}"\n').issuer == issuer


@pytest.mark.spec("security.md §2.4: fixed issuer; RFC 8414 §2")
def test_what_is_more_or_less_than_an_origin_is_no_issuer(tmp_path: Path) -> None:
    for issuer in [
        "",
        "login.city.example",
        "ftp://login.city.example",
        "https://",
        "https://Login.city.example",
        "https://login.city.example/",
        "https://login.city.example/tenant",
        "https://login.city.example?",
        "https://login.city.example#",
        "https://somebody@login.city.example",
        "https://login.city.example:",
        "https://login.city.example:443",
        "https://login.city.example:99999",
        "https://login..example",
        "https://login.city.example.",
        "https://login city.example",
        "https://login.city.example\\n",
        "https://l\u00f6gin.example",
        "https://login\\\\city.example",
        "https://[::1]",
        "https://[::1",
    ]:
        (problem,) = _problems(tmp_path, f'\nissuer = "{issuer}"\n')
        assert (problem.line, problem.key) == (2, "issuer")


def test_http_is_for_the_demo_on_localhost_alone(tmp_path: Path) -> None:
    assert _load(tmp_path, 'issuer = "http://broker.localhost:8400"\ndemo = true\n').tenant == "broker.localhost"
    for text in (
        'issuer = "http://broker.localhost:8400"\n',
        'issuer = "http://login.city.example"\ndemo = true\n',
        'issuer = "http://localhost"\ndemo = true\n',
        'issuer = "http://localhost.example"\ndemo = true\n',
        'issuer = "http://evillocalhost"\ndemo = true\n',
    ):
        (problem,) = _problems(tmp_path, text)
        assert problem.key == "issuer"
        assert "https" in problem.fix
        assert ("demo = true" in problem.fix) == ("broker.localhost" in text)


@pytest.mark.spec("house style 18")
def test_a_proxy_is_trusted_by_address_or_network_and_never_everybody(tmp_path: Path) -> None:
    for proxy in [
        "*",
        "0.0.0.0/0",
        "::/0",
        "proxy.city.example",
        "",
        "10.0.0.1/8",
    ]:
        (problem,) = _problems(tmp_path, HTTPS + f'trusted_proxies = ["10.0.0.1", "{proxy}"]\n')
        assert (problem.line, problem.key) == (2, "trusted_proxies")


def test_a_value_that_cannot_be_is_a_problem_with_its_line_and_says_what_to_write(tmp_path: Path) -> None:
    for line, key, fix in [
        ('listen = "127.0.0.1:99999"', "listen", "as 127.0.0.1:8400"),
        ('listen = "127.0.0.1"', "listen", "ADDRESS:PORT, as 127.0.0.1:8400"),
        ("listen = 8400", "listen", "as 127.0.0.1:8400"),
        ('metrics_listen = "9400"', "metrics_listen", "ADDRESS:PORT, as 127.0.0.1:9400"),
        ('database = ""', "database", "the name of a file"),
        ('keys = ""', "keys", "the name of a folder"),
        ('demo = "yes"', "demo", "true or false"),
        ("checkpoint_seconds = 0", "checkpoint_seconds", "a number of seconds"),
        ("checkpoint_seconds = 4000", "checkpoint_seconds", "a number of seconds"),
        ("probe_seconds = 4000", "probe_seconds", "a number of seconds"),
        ('trusted_proxies = "127.0.0.1"', "trusted_proxies", "addresses or networks"),
        ('trusted_proxies = ["*"]', "trusted_proxies", "addresses or networks"),
        ('folder = "/etc"', "folder", ""),
        ('database = "postgresql://ciconia@db:PORT/city"', "database", ""),
        ('database = "a\\u0000b"', "database", ""),
        ('keys = "a\\u0000b"', "keys", ""),
        ("limits = { at_wrok = 4 }", "limits.at_wrok", ""),
        ("limits = { at_work = 0 }", "limits.at_work", "whole numbers"),
        ("limits = 4", "limits", "whole numbers"),
        (f'keys = "{"k" * 300}"', "keys", ""),
        ('witness = "a\\u0000b"', "witness", "a folder or file"),
        ('valkey = "valkey://cache:PORT"', "valkey", ""),
        ('valkey = "foo"', "valkey", "valkey://HOST:PORT"),
        ('country = "ee"', "country", "two capital letters"),
        ('role = "town"', "role", '"city" or "node"'),
        ('documentation_url = "docs"', "documentation_url", "https address"),
    ]:
        (problem,) = _problems(tmp_path, f"# a comment\n{HTTPS}\n{line}\n")
        assert (problem.line, problem.key, fix in problem.fix) == (4, key, True), problem
        assert "pattern" not in problem.what


@pytest.mark.spec("issue 4 item 6; RFC 6749 §5.2 error_uri")
def test_documentation_is_at_a_plain_https_address(tmp_path: Path) -> None:
    for address in [
        "http://docs.city.example/errors",
        "https://docs.city.example/errors#top",
        "https://docs.city.example/a b",
        'https://docs.city.example/"><b>',
        "https://",
        "https://[::1",
        "javascript:alert(1)",
    ]:
        (problem,) = _problems(tmp_path, HTTPS + f"documentation_url = '{address}'\n")
        assert (problem.line, problem.key) == (2, "documentation_url")


def test_an_unknown_key_names_the_one_that_was_meant(tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path, HTTPS + 'listn = "127.0.0.1:1"\n')
    assert (problem.line, problem.what, problem.fix) == (2, "no setting has this name.", "Did you mean listen?")
    (problem,) = _problems(tmp_path, HTTPS + "entirely_else = 1\n")
    assert problem.fix == "Remove it."
    (problem,) = _problems(tmp_path, HTTPS + "[section]\nx = 1\n")
    assert problem.key == "section"
    (problem,) = _problems(tmp_path, HTTPS + "folders = 1\n")
    assert "folder?" not in problem.fix


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    problems = _problems(tmp_path, 'issuer = 3\nlistn = "x"\ncheckpoint_seconds = -1\nfolder = "x"\n')
    assert {problem.key for problem in problems} == {"issuer", "listn", "checkpoint_seconds", "folder"}
    assert {problem.line for problem in problems} == {1, 2, 3, 4}


def test_an_issuer_that_is_missing_is_said_to_be(tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path, "")
    assert (problem.key, problem.what) == ("issuer", "it is missing.")


@pytest.mark.parametrize(
    "line",
    ['database = "postgresql://ciconia:Tr0ub4dor@3:hunter2@db/city"', 'valkey = "valkey://ciconia:Tr0ub4dor@db:hunter2"'],
)
def test_a_password_that_is_not_escaped_is_told_to_nobody(tmp_path: Path, line: str) -> None:
    (problem,) = _problems(tmp_path, f"{HTTPS}\n{line}\n")
    assert "%40" in str(problem)
    assert not any(part in str(problem) for part in ("Tr0ub4dor", "hunter2"))


@pytest.mark.parametrize(
    "text",
    [
        "issuer",
        "issuer = ",
        'issuer = "a"\nissuer = "b"',
        "\x00",
        pytest.param(f"a = {'1' * 5000}", id="a number of 5000 digits"),
        pytest.param(f"a = {'[' * 5000}", id="5000 brackets"),
        pytest.param(f"a = {'{a=' * 5000}", id="5000 tables"),
    ],
)
def test_what_is_no_toml_is_one_problem(tmp_path: Path, text: str) -> None:
    (problem,) = _problems(tmp_path, text)
    assert "no TOML" in problem.what


NODE = """\
role = "node"
country = "EE"
probe_seconds = 0.5
[organization]
name = "State Information System Authority"
url = "https://node.example/about"
support = "support@node.example"
technical = "technical@node.example"
"""


def test_a_node_says_for_which_country_and_who_runs_it(tmp_path: Path) -> None:
    settings = _load(tmp_path, HTTPS + NODE)
    assert (settings.role, settings.country, settings.probe_seconds) == ("node", "EE", 0.5)
    assert settings.organization is not None
    assert (settings.organization.name, settings.organization.display_name) == ("State Information System Authority", "")


def test_a_fault_of_a_nodes_settings_is_told_with_its_line(tmp_path: Path) -> None:
    for old, new, line, key in [
        ('"node"', '"village"', 2, "role"),
        ('"EE"', '"ee"', 3, "country"),
        ("0.5", "0.05", 4, "probe_seconds"),
        ("0.5", "7200", 4, "probe_seconds"),
        ("probe_seconds = 0.5", "metadata_max_days = 0", 4, "metadata_max_days"),
        ("probe_seconds = 0.5", "metadata_max_days = 93", 4, "metadata_max_days"),
        ("name = ", "nam = ", 6, "organization.nam"),
        ('"support@node.example"', '"support"', 8, "organization.support"),
        ('"https://node.example/about"', '"node.example"', 7, "organization.url"),
        ('"https://node.example/about"', '"javascript:alert(1)"', 7, "organization.url"),
        ('url = "https://node.example/about"\n', "", 5, "organization.url"),
        ('"State Information System Authority"', '""', 6, "organization.name"),
        ('"State Information System Authority"', '"\\u200d \\u2800"', 6, "organization.name"),
        ('"State Information System Authority"', '"Authority \\u202egro"', 6, "organization.name"),
    ]:
        assert old in NODE
        problems = _problems(tmp_path, HTTPS + NODE.replace(old, new, 1))
        assert (line, key) in [(problem.line, problem.key) for problem in problems]


def test_what_an_organization_says_is_answered_with_what_to_write(tmp_path: Path) -> None:
    for name, url, support, technical, fix in [
        ("n", "x", "a@b", "a@b", "https://"),
        ("n", "https://b", "a", "a@b", "NAME@HOST"),
        ("n", "https://b", "a@b", "a", "NAME@HOST"),
        ("", "https://b", "a@b", "a@b", "each a text"),
    ]:
        said = f'name = "{name}"\nurl = "{url}"\nsupport = "{support}"\ntechnical = "{technical}"\n'
        (problem,) = _problems(tmp_path, f"{HTTPS}[organization]\n{said}")
        assert (fix in problem.fix, "pattern" in problem.what) == (True, False)


def test_a_certification_is_claimed_by_whoever_answers_in_an_incident(tmp_path: Path) -> None:
    claims = HTTPS + NODE + 'certified = ["https://refeds.org/sirtfi"]\n'
    (problem,) = _problems(tmp_path, claims)
    assert (problem.key, "security = " in problem.fix) == ("organization", True)
    found = _load(tmp_path, claims + 'security = "cert@node.example"\nprivacy_url = "https://node.example/privacy"\n')
    assert found.organization is not None
    assert found.organization.certified == ["https://refeds.org/sirtfi"]
    for wrong in ('certified = ["sirtfi"]', 'security = "cert"', 'privacy_url = "javascript:alert(1)"'):
        assert _problems(tmp_path, HTTPS + NODE + wrong)


@pytest.mark.parametrize("listen", ['listen = "10.0.0.1:8400"', ""])
def test_metrics_where_citizens_are_answered_are_a_problem_with_their_line(tmp_path: Path, listen: str) -> None:
    address = listen.partition('"')[2].strip('"') or "127.0.0.1:8400"
    text = f'{listen}\nmetrics_listen = "{address}"\n'
    (problem,) = _problems(tmp_path, HTTPS + text)
    assert (problem.line, problem.key) == (3, "metrics_listen")
    assert "`listen`" in problem.what
    (tmp_path / "ciconia.toml").write_text(text, encoding="utf-8")
    process, (found,) = examine_process(tmp_path)
    assert (found.line, found.key) == (2, "metrics_listen")
    assert process is not None
    assert process.metrics_listen == ""


def test_addresses_at_which_nobody_can_listen_at_once_are_a_problem_and_no_others(tmp_path: Path) -> None:
    for listen, metrics in [
        (EVERY_IPV4, "127.0.0.1"),
        ("127.0.0.1", EVERY_IPV4),
        (EVERY_IPV4, "localhost"),
        ("localhost", "127.0.0.1"),
        ("[::]", "127.0.0.1"),
        ("[::]", "[::1]"),
        ("[::1]", "[0:0:0:0:0:0:0:1]"),
        (EVERY_IPV4, "[::1]"),
        ("[::ffff:0.0.0.0]", "[::1]"),
        ("127.0.0.1", "127.0.0.2"),
        ("127.0.0.1", "[::1]"),
    ]:
        first = bind(listen.strip("[]"), 0)
        port = first.getsockname()[1]
        try:
            bind(metrics.strip("[]"), port).close()
            clash = False
        except OSError:
            clash = True
        finally:
            first.close()
        text = f'listen = "{listen}:{port}"\nmetrics_listen = "{metrics}:{port}"\n'
        (tmp_path / "ciconia.toml").write_text(text, encoding="utf-8")
        _, problems = examine_process(tmp_path)
        assert [(one.line, one.key) for one in problems] == ([(2, "metrics_listen")] if clash else [])
        assert all(one.what == f"nobody can listen there and at `listen`, {listen}:{port}, at once." for one in problems)
        other = text.replace(f'{metrics}:{port}"', f'{metrics}:{port + 1}"')
        (tmp_path / "ciconia.toml").write_text(other, encoding="utf-8")
        assert examine_process(tmp_path)[1] == ()


def test_a_database_that_is_not_served_has_its_file_and_line(tmp_path: Path) -> None:
    for url in ["postgresq://x", "mysql://db.example/x", "sqlite://", "postgresql://db.example"]:
        (problem,) = _problems(tmp_path, HTTPS + f'database = "{url}"\n')
        assert (problem.line, problem.key) == (2, "database")


def test_a_database_in_the_folder_of_the_witness_is_a_problem(tmp_path: Path) -> None:
    for witness, database, counts in [
        ("w", "w/ciconia.db", True),
        ("../{name}/w/.", "sqlite:///{folder}/x/../w/ciconia.db", True),
        (".", "ciconia.db", True),
        ("ciconia.db", "ciconia.db", True),
        ("w", "ciconia.db", False),
        ("w", "w/inside/ciconia.db", False),
        ("w", "postgresql://broker@db/w", False),
        ("", "ciconia.db", False),
    ]:
        named = {"name": tmp_path.name, "folder": tmp_path}
        text = f'{HTTPS}witness = "{witness.format(**named)}"\ndatabase = "{database.format(**named)}"\n'
        if not counts:
            assert _load(tmp_path, text)
            continue
        (problem,) = _problems(tmp_path, text)
        assert (problem.line, problem.key, "would count as a checkpoint" in problem.what) == (2, "witness", True)
