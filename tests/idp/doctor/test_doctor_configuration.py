"""Files: unknown keys wherever they stand, files that nobody reads, files that everybody may write."""

from pathlib import Path

import pytest

from tests.idp.doctor.ward import ERROR, NOTICE, WARNING, at, edit, examined, only, write

FILES = ("ciconia.toml", "purposes/permit.toml", "parties/parking.toml", "providers/lv.toml", "providers/ee.toml")


@pytest.mark.parametrize("name", FILES)
def test_a_key_that_nobody_knows_is_named_with_its_line_in_any_file(city: Path, name: str) -> None:
    path = city / name
    text = path.read_text(encoding="utf-8")
    path.write_text("banana = 1\n" + text, encoding="utf-8")
    found = at(examined(city), name, "banana")
    assert (found.severity, found.line) == (ERROR, 1)
    assert "serve` does not start" in found.why
    # At the end of the file it is a key of the last table
    path.write_text(text + "banana = 1\n", encoding="utf-8")
    report = examined(city)
    last = next(one for one in report.findings if one.key.endswith("banana"))
    assert (last.severity, last.file, last.line) == (ERROR, name, text.count("\n") + 1)
    assert not report.ok


def test_the_nearest_known_name_is_told(city: Path) -> None:
    edit(city, "ciconia.toml", "trusted_proxies =", "trusted_proxy =")
    edit(city, "parties/parking.toml", "sector =", "secter =")
    report = examined(city)
    assert "trusted_proxies" in at(report, "ciconia.toml", "trusted_proxy").fix
    assert "`sector`" in at(report, "parties/parking.toml", "secter").fix


@pytest.mark.parametrize("name", ["metadata/lv.xml", "metadata/ee.pem"])
def test_a_line_behind_pinned_metadata_is_an_error_that_names_the_file(city: Path, name: str) -> None:
    with (city / name).open("a", encoding="utf-8") as file:
        file.write("banana = 1\n")
    report = examined(city)
    assert [one for one in report.of(ERROR) if name in (one.file, *one.what.strip(".)").replace("(", "").split())]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("purposes/permit.tml", "in purposes/ there are *.toml"),
        ("purposes/old/permit.toml", "no folders below"),
        ("parties/parking.toml.bak", "*.toml and *.jwks.json"),
        ("parties/parking.yaml", "*.toml and *.jwks.json"),
        ("providers/LV.TOML", "in providers/ there are *.toml"),
        ("metadata/lv.xml~", "*.xml and *.pem"),
        ("themes.toml", "theme.toml and ciconia.toml"),
        ("extra.toml", "outside of their folders"),
        ("purpose/permit.toml", "outside of their folders"),
    ],
)
def test_a_file_that_nobody_reads_is_a_notice(city: Path, name: str, words: str) -> None:
    write(city, name, "banana = 1\n")
    found = only(examined(city))
    assert (found.severity, found.file) == (NOTICE, name)
    assert words in found.what


def test_what_everybody_may_write_to_is_an_error(city: Path) -> None:
    (city / "parties").chmod(0o777)
    (city / "purposes" / "permit.toml").chmod(0o666)
    report = examined(city)
    assert [(one.file, one.severity) for one in report.findings] == [("parties", ERROR), ("purposes/permit.toml", ERROR)]
    assert "chmod o-w" in report.findings[0].fix


def set_address(city: Path, key: str, url: str) -> None:
    line, setting = 'database = "ciconia.db"', f'{key} = "{url}"'
    edit(city, "ciconia.toml", line, setting if key == "database" else f"{line}\n{setting}")


PASSWORDS = {
    "database": (
        "postgresql://ciconia:hunter2@db.test/ciconia",
        "postgresql:///ciconia?host=/run/db&password=hunter2",
        "postgresql://ciconia@db.test/ciconia?sslpassword=hunter2",
    ),
    "valkey": ("valkey://:hunter2@valkey.test:6379/0", "valkeys://valkey.test:6379/0?password=hunter2"),
}


@pytest.mark.parametrize(("key", "url"), [(key, url) for key, urls in PASSWORDS.items() for url in urls])
def test_a_password_that_others_may_read_is_a_warning_that_does_not_quote_it(city: Path, key: str, url: str) -> None:
    set_address(city, key, url)
    (city / "ciconia.toml").chmod(0o640)
    report = examined(city)
    found = at(report, "ciconia.toml", "permissions")
    assert (found.severity, found.fix.partition(",")[0]) == (WARNING, f"chmod 600 {city / 'ciconia.toml'}")
    assert f"(mode 640), and {key} has a password" in found.what
    assert "hunter2" not in str(report)
    (city / "ciconia.toml").chmod(0o600)
    assert not [one for one in examined(city).findings if one.key == "permissions"]


@pytest.mark.parametrize(
    "uri", ["https://*.test/", "http://parking.test/cb", "https://parking.test/#x", "https://p.test/?code=1"]
)
def test_a_redirect_address_that_cannot_be_safe_is_an_error(city: Path, uri: str) -> None:
    line = edit(city, "parties/parking.toml", "https://parking.test/callback", uri)
    found = at(examined(city), "parties/parking.toml", "redirect_uris")
    assert (found.severity, found.line) == (ERROR, line)


def test_settings_that_are_no_toml_hide_nothing_else(city: Path) -> None:
    write(city, "ciconia.toml", 'issuer = "https://a.test"\nlisten = \n')
    edit(city, "parties/parking.toml", "sector =", "secter =")
    (city / "keys" / "es256.pem").chmod(0o644)
    (city / "ciconia.db").chmod(0o644)
    report = examined(city)
    assert at(report, "ciconia.toml", "").line == 2
    assert at(report, "parties/parking.toml", "secter")
    assert at(report, "keys/es256.pem", "key")
