"""One folder with everything wrong at once: each fault is named, none is missed, in one run."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from connectors.fetch import HttpAnswer
from idp.doctor.finding import Severity
from idp.web.edge import PLAIN_SCHEME
from tests.connectors.metadata import node
from tests.idp.doctor.shelf import hold, meddling, record, sequence
from tests.idp.doctor.ward import (
    DAY,
    GIB,
    ISSUER,
    NOW,
    PARTY,
    PROVIDER,
    PURPOSE,
    TEXT,
    edit,
    examined,
    healthy,
    machine,
    pem,
    provider_metadata,
    write,
)

# Where each planted fault is named: file, key, and words of what is said
Named = tuple[str, str, str]


def _settings(city: Path) -> list[Named]:
    file = "ciconia.toml"
    write(city, file, (city / file).read_text(encoding="utf-8") + "banana = 1\n")
    edit(city, file, "trusted_proxies =", "trusted_proxy =")
    write(city, "theme.toml", 'logo = "logo.svg"\n[light]\ntext = "#aaaaaa"\n')
    write(city, "logo.svg", '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><script/></svg>')
    edit(city, file, "checkpoint_seconds = 10.0", "checkpoint_seconds = 0.0")
    edit(city, file, 'listen = "127.0.0.1:8400"', 'listen = "0.0.0.0:8400"\ndemo = true')
    return [
        (file, "organization.banana", "no setting has this name"),
        (file, "trusted_proxy", "no setting has this name"),
        (file, "checkpoint_seconds", "greater than 0"),
        (file, "listen", "for everybody"),
        (file, "demo", "no *.localhost"),
        ("theme.toml", "light.text", "a contrast of 2.32"),
        ("theme.toml", "logo", "is no shape"),
        ("environment", "SSLKEYLOGFILE", "keys of every TLS connection"),
        ("environment", "LD_PRELOAD", "makes fsync do nothing"),
        ("environment", "libxml2", "lxml has libxml2 2.13.1"),
        (file, "database", "are free where the database lies"),
    ]


def _configuration(city: Path) -> list[Named]:
    write(city, "purposes/baseless.toml", PURPOSE.replace('basis = "public_task"', "").replace("permit", "baseless"))
    write(city, "purposes/broken.toml", "id = \n")
    write(city, "purposes/far.toml", PURPOSE.replace('id = "permit"', 'id = "far"\ncountries = ["SE"]'))
    write(city, "purposes/english.toml", PURPOSE.replace("permit", "english").replace(TEXT, 'en = "a"\n', 1))
    write(city, "purposes/permit.tml", PURPOSE)
    unsafe = PARTY.replace("parking.test/callback", "*.test/callback").replace('"parking"', '"fares"')
    write(city, "parties/fares.toml", unsafe.replace("sector", "secter"))
    wide = PARTY.replace('"parking"', '"wide"').replace('email = "exact"', 'email = "exact"\ngender = "exact"')
    write(city, "parties/wide.toml", wide)
    narrow = PARTY.replace('"parking"', '"narrow"').replace('birthdate = "age_over(18)"\n', "")
    write(city, "parties/narrow.toml", narrow.replace("https://parking.test", "http://localhost:3000"))
    write(city, "parties/lost.toml", PARTY.replace('"parking"', '"lost"').replace('["permit"]', '["premit"]'))
    edit(city, "parties/parking.toml", 'sector = "mobility"', 'sector = "mobility"\nblind = true\nrequester_id = "urn:x:y"')
    (city / "parties").chmod(0o777)
    return [
        ("purposes/baseless.toml", "basis", "no legal basis"),
        ("purposes/broken.toml", "file", "no TOML"),
        ("purposes/far.toml", "id", "no service is registered for this purpose"),
        ("purposes/far.toml", "countries", "none of them is connected"),
        ("purposes/english.toml", "title", "no et, zh-Hans"),
        ("purposes/permit.tml", "file", "nobody reads it"),
        ("parties/fares.toml", "redirect_uris.0", "wildcard"),
        ("parties/fares.toml", "secter", "not a key that we know"),
        ("parties/fares.toml", "sector", "is missing"),
        ("parties/wide.toml", "attributes.gender", "none of its purposes"),
        ("parties/narrow.toml", "attributes.birthdate", "cannot do without birthdate"),
        ("parties/lost.toml", "purposes", "`premit` is not a purpose"),
        ("parties/parking.toml", "requester_id", "`blind` forbids"),
        ("parties", "permissions", "everybody on this machine"),
    ]


def _metadata(city: Path) -> list[Named]:
    ended = node.curve_signer(NOW - 9 * DAY, NOW - DAY).certificate
    write(city, "metadata/lv.xml", provider_metadata(ended, more='validUntil="2020-01-01T00:00:00Z"'))
    write(city, "providers/se.toml", PROVIDER.replace("lv", "se").replace("LV", "LT").replace("idp.test", "se.test"))
    write(city, "metadata/se.xml", provider_metadata(node.curve_signer().certificate))
    write(city, "providers/fi.toml", PROVIDER.replace("lv", "fi").replace("LV", "FI").replace("idp.test", "fi.test"))
    http = provider_metadata(node.curve_signer().certificate, "http://fi.test/sso", entity_id="https://fi.test/metadata")
    write(city, "metadata/fi.xml", http)
    soon = node.signer_of(_private("metadata"), NOW - DAY, NOW + 3 * DAY).certificate
    write(city, "metadata/ee.pem", pem(soon))
    hold(city, node.octets(node.proxy(valid_until=NOW + 3600)))
    return [
        ("metadata/lv.xml", "X509Certificate", "ended on"),
        ("metadata/lv.xml", "validUntil", "its validUntil was"),
        ("providers/se.toml", "metadata", "its entityID is not that of the registration"),
        ("metadata/fi.xml", "SingleSignOnService", "not https"),
        ("metadata/ee.pem", "certificate", "in less than 30 days"),
        ("providers/ee.toml", "validUntil", "the copy that is held"),
    ]


def _private(name: str) -> node.Key:
    return node.key(name)._private_key


def _keys(city: Path) -> list[Named]:
    keys = city / "keys"
    keys.chmod(0o755)
    (keys / "log.key").chmod(0o644)
    (keys / "pairwise.key").write_text("short\n", encoding="utf-8")
    shutil.copy2(keys / "node.pem", keys / "node-metadata.pem")
    os.utime(keys / "rs256.pem", (NOW - 1500 * DAY, NOW - 1500 * DAY))
    (keys / "es256.pem").unlink()
    with (keys / "saml.pem").open("a", encoding="utf-8") as file:
        file.write("banana = 1\n")
    write(keys, "saml.pem.bak", "x", mode=0o600)
    write(keys, "log.vkey", "stranger.test/log+00000000+AAAA\n")
    return [
        ("keys", "permissions", "mode 755"),
        ("keys/log.key", "log.key", "others than its owner"),
        ("keys/pairwise.key", "pairwise.key", "not 32 bytes in hex"),
        ("keys/node-metadata.pem", "node-metadata.pem", "the same key as node.pem"),
        ("keys/rs256.pem", "rs256.pem", "4 years old"),
        ("keys/es256.pem", "key", "cannot be read"),
        ("keys/saml.pem", "banana", "of no key"),
        ("keys/saml.pem.bak", "saml.pem.bak", "no key that this broker uses"),
        ("keys/log.vkey", "log.vkey", "the public half of log.key"),
    ]


def _database(city: Path) -> list[Named]:
    for step in (1, 2):
        record(city, time=NOW - 7200 + step)
        sequence(city, time=NOW - 7200 + step)
    record(city, time=NOW - 7000)
    with meddling(city) as connection:
        connection.exec_driver_sql("UPDATE checkpoints SET time = time + 1 WHERE number = 1")
    (city / "ciconia.db").chmod(0o666)
    return [
        ("ciconia.db", "permissions", "mode 666"),
        ("ciconia.db", "staged", "7000 seconds"),
        ("ciconia.db", "checkpoint 1", "its seal does not hold"),
    ]


def _outside(city: Path) -> list[Named]:
    assert city.is_dir()
    return [
        ("providers/ee.toml", "clock", "500 seconds behind"),
        ("ciconia.toml", "trusted_proxies", "does not say that it was asked over https"),
    ]


# The database first: its keys are spoilt afterwards
PLANTED: tuple[Callable[[Path], list[Named]], ...] = (_database, _metadata, _keys, _configuration, _settings, _outside)


def test_thirty_planted_faults_and_more_are_each_named_in_one_run(city: Path) -> None:
    planted = [named for plant in PLANTED for named in plant(city)]
    assert len(planted) >= 30
    outside = healthy()
    outside.says[node.ENTITY] = HttpAnswer(200, NOW - 500, b"")
    outside.says[f"{ISSUER}/.well-known/openid-configuration"] = HttpAnswer(400, NOW, PLAIN_SCHEME)
    environment = {"SSLKEYLOGFILE": "keys.log", "LD_PRELOAD": "libeatmydata.so"}
    report = examined(city, on=machine(free=GIB // 2, lxml=(2, 13, 1), environment=environment), outside=outside)
    said = [(one.file, one.key, one.what) for one in report.findings]
    missed = [
        (file, key, words)
        for file, key, words in planted
        if not any(where == file and key.startswith(of) and words in what for where, of, what in said)
    ]
    assert missed == [], said
    # Nothing tripped, and each says where, what, why and how to mend it
    assert not [what for _, _, what in said if "could not be made" in what]
    assert all(one.file and one.key and one.what and one.why and one.fix for one in report.findings)
    assert all(one.what.endswith((".", "`")) for one in report.findings), [one.what for one in report.findings]
    assert [one.severity for one in report.findings] == sorted(
        (one.severity for one in report.findings), key=list(Severity).index
    )


def test_no_two_faults_hide_each_other(city: Path) -> None:
    """Each group planted alone says the same things as all together."""
    for plant in (_database, _metadata, _keys, _configuration):
        copy = Path(shutil.copytree(city, city.parent / plant.__name__))
        planted = plant(copy)
        said = [(one.file, one.key, one.what) for one in examined(copy).findings]
        for file, key, words in planted:
            assert [one for one in said if one[0] == file and key.startswith(one[1]) and words in one[2]], (file, key, said)
