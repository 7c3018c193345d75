"""A register that cannot be asked, or soon cannot, and a view that our account may write to: `ciconia doctor` says so."""

import base64
import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import make_url

from connectors.fetch import Fetcher
from idp.doctor.finding import DoctorFinding
from idp.doctor.registers import registers
from idp.keys.file import FileSigner, create_token_key
from tests.connectors.forge import IDP
from tests.connectors.metadata.node import curve_signer, rsa_signer
from tests.connectors.metadata.origin import Authority, Origin, body, origin
from tests.connectors.registers.authority import BORN, metadata
from tests.connectors.registers.signed_claims import ISSUER, JWKS
from tests.connectors.registers.views import postgres, sqlite
from tests.idp.doctor.ward import DAY, ERROR, NOTICE, NOW, WARNING, at, case, edit, examined, healthy, write

FILE = "registers/population.toml"


def _register(database: str, view: str = "residents", password: str = "") -> str:
    return f"""\
id = "population"
title.en = "Population register"
level = "high"

[controller]
name.en = "City of Storkhaven"
contact = "residents@storkhaven.example"

[found_by]
person_identifier = "national_id"

[attributes]
street = "address.street"
town = "address.locality"

[view]
database = "{database}"
view = "{view}"
{f'password_file = "{password}"' if password else ""}
"""


@pytest.mark.spec("issue 33 bad input")
def test_a_view_that_our_account_may_write_to_is_a_warning_and_one_to_read_is_none(city: Path) -> None:
    url = make_url(postgres()).set(drivername="postgresql")
    reader, owner = str(url), str(url.set(username="ciconia"))
    write(city, FILE, _register(owner))
    found = at(examined(city, outside=healthy()), FILE, "view")
    assert (found.severity, "may write" in found.what) == (WARNING, True)
    write(city, FILE, _register(reader))
    assert [one for one in examined(city, outside=healthy()).findings if one.key == "view"] == []
    # Its account is asked over the network: not where nobody is to be asked
    write(city, FILE, _register(owner))
    assert [one for one in examined(city).findings if one.key == "view"] == []


def test_a_table_is_a_warning_and_what_is_not_there_an_error(city: Path, tmp_path: Path) -> None:
    database = sqlite(tmp_path)
    write(city, FILE, _register(database, "people"))
    assert at(examined(city, outside=healthy()), FILE, "view", "it is a table").severity is WARNING
    write(city, FILE, _register(database, "nothing"))
    assert at(examined(city, outside=healthy()), FILE, "view", "OperationalError").severity is ERROR


def test_the_password_comes_from_its_file_which_nobody_else_may_read(city: Path, tmp_path: Path) -> None:
    url = make_url(postgres()).set(drivername="postgresql")
    password = write(tmp_path, "password", "of a reader\n", mode=0o600)
    write(city, FILE, _register(str(url), password=str(password)))
    assert [one for one in examined(city, outside=healthy()).findings if one.key in ("view", "password")] == []
    password.chmod(0o644)
    found = at(examined(city, outside=healthy()), FILE, "view", "the password's file")
    assert (found.severity, "of a reader" in found.what) == (WARNING, False)
    password.unlink()
    assert at(examined(city, outside=healthy()), str(password), "password").severity is ERROR


SAML = f"""\
id = "residents"
title.en = "Residents"
level = "high"
issuer = "{IDP}"
networks = ["127.0.0.0/8"]
controller = {{ name.en = "City of Storkhaven", contact = "residents@storkhaven.example" }}
found_by = {{ person_identifier = "NameID" }}
attributes = {{ "{BORN}" = "birthdate" }}
saml = {{ metadata = "metadata/residents.xml" }}
"""
HTTPS = SAML.replace(IDP, ISSUER).replace("NameID", "sub").replace(BORN, "birthdate").splitlines()[:-1]


def _authority(city: Path, url: str, signer: FileSigner) -> None:
    write(city, "registers/residents.toml", SAML)
    write(city, "metadata/residents.xml", metadata(url, signer).decode())


def _claims(city: Path, url: str, jwks: str = JWKS, more: str = "") -> None:
    service = f'https = {{ endpoint = "{url}", client_id = "us", jwks = "registers/residents.jwks.json"{more} }}'
    write(city, "registers/residents.toml", "\n".join((*HTTPS, service)))
    write(city, "registers/residents.jwks.json", jwks)


def _found(found: Sequence[DoctorFinding]) -> list[tuple[object, str]]:
    # No purpose asks it here, which is a notice
    return [(one.severity, one.key) for one in found if "residents" in one.file and one.severity is not NOTICE]


@pytest.mark.spec("issue 33 item 3")
def test_what_is_pinned_of_an_attribute_authority_is_judged_without_asking_it(city: Path) -> None:
    url = "https://registers.example/attributes"
    for signer, found in (
        (curve_signer(), []),
        (curve_signer(end=NOW + 9 * DAY), [(WARNING, "certificate")]),
        (rsa_signer(0, 1024), [(ERROR, "metadata")]),
    ):
        _authority(city, url, signer)
        assert _found(examined(city).findings) == found
    _authority(city, "http://registers.example/attributes", curve_signer())
    assert _found(examined(city).findings) == [(ERROR, "metadata")]
    _authority(city, url, curve_signer())
    edit(city, "metadata/residents.xml", "<md:EntityDescriptor", '<md:EntityDescriptor validUntil="2020-01-01T00:00:00Z"')
    assert _found(examined(city).findings) == [(WARNING, "validUntil")]
    (city / "keys/saml-encryption.pem").unlink()
    assert (ERROR, "keys") in _found(examined(city).findings), "nothing opens its answers"


@pytest.mark.spec("issue 33 item 3")
def test_what_is_pinned_of_a_register_over_https_is_judged_without_asking_it(city: Path) -> None:
    url = "https://registers.example/attributes"
    _claims(city, url)
    assert _found(examined(city).findings) == [(ERROR, "keys")], "nothing signs our questions"
    create_token_key(city / "keys/openid.pem", "ES256")
    assert _found(examined(city).findings) == []
    _claims(city, url, more=', enc = "A256GCM"')
    assert at(examined(city), "registers/residents.toml", "keys").fix == "`ciconia keys new openid-encryption`"
    _claims(city, url, more=', alg = "ES384"')
    assert _found(examined(city).findings) == [(ERROR, "jwks")]
    (jwk,) = json.loads(JWKS)["keys"]
    soon = base64.b64encode(curve_signer(end=NOW + 9 * DAY).certificate).decode()
    _claims(city, url, json.dumps({"keys": [{**jwk, "x5c": [soon]}]}))
    assert _found(examined(city).findings) == [(WARNING, "certificate")]


@pytest.mark.spec("issue 33 item 3")
def test_a_register_is_looked_at_over_tls_and_no_question_about_anybody_is_asked(city: Path, tmp_path: Path) -> None:
    authority, now = Authority(tmp_path), int(time.time())

    def seen(server: Origin, by: Authority = authority) -> list[DoctorFinding]:
        fetcher = Fetcher(demo=False, trust=by.trust(), resolver=lambda _host, _port: ["127.0.0.1"])
        _claims(city, f"https://localhost:{server.port}/attributes")
        first = [*registers(case(city), fetcher, lambda: now)]
        _authority(city, f"https://localhost:{server.port}/attributes", curve_signer())
        second = [*registers(case(city), fetcher, lambda: now)]
        assert [one.what for one in first] == [one.what for one in second]
        return first

    with origin(body(b"nobody"), authority.server("localhost")) as server:
        (found,) = seen(server)
        assert (found.severity, "in less than 30 days" in found.what) == (WARNING, True)
        assert {head.partition("\r\n")[0] for head in server.heads if head} == {"GET /attributes HTTP/1.1"}
    assert [one.severity for one in seen(server)] == [ERROR], "it is gone"
    (tmp_path / "other").mkdir()
    with origin(body(b""), authority.server("localhost")) as server:
        (found,) = seen(server, Authority(tmp_path / "other"))
        assert (found.severity, "certificate" in found.what) == (ERROR, True)
