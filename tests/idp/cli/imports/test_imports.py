"""`ciconia import`, as an operator runs it: what is written, what is told, and what never happens."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any  # JSON of an answer

import pytest
from typer.testing import CliRunner, Result

from connectors.formats.service_provider import read_service_provider
from idp.cli import app
from idp.config.folder import load_configuration
from policies.errors import Misconfigured
from policies.parties import ClientId, ProviderId
from policies.registrations.saml_service import SubjectKind
from tests.idp.cli.imports import peer_files
from tests.idp.cli.imports.peer_files import LIBRARY, LIBRARY_ACS, SECRET, openid_client, realm, saml_client
from tests.idp.cli.test_party_command import contents

PURPOSE = ("--purpose", "resident-parking")
LIBRARY_NAME = "library.storkhaven.example"


@pytest.fixture
def city(with_purpose: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration without a party."""
    return Path(shutil.copytree(with_purpose, tmp_path_factory.mktemp("import") / "city"))


@pytest.fixture
def peer(tmp_path: Path) -> Path:
    return tmp_path


def imported(city: Path, peer: str, file: Path, *more: str) -> Result:
    return CliRunner().invoke(app, ["import", peer, str(file), "--config", str(city), *more])


def told(result: Result, code: int) -> dict[str, Any]:
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def left(result: Result) -> str:
    """All that was left, with exit code 3."""
    return "\n".join(f"{one['of']}: {one['what']}" for one in told(result, 3)["left"])


def test_a_realm_of_keycloak_becomes_registrations_with_the_hash_of_each_secret(city: Path, peer: Path) -> None:
    before = contents(city)
    file = realm(peer, openid_client("tickets"), saml_client(peer))
    found = told(imported(city, "keycloak", file, *PURPOSE, "--json"), 0)
    assert (found["complete"], found["left"]) == (True, [])
    new = set(contents(city)) - set(before)
    assert new == {"parties/tickets.toml", f"parties/{LIBRARY_NAME}.toml", f"metadata/{LIBRARY_NAME}.xml"}
    assert {name: text for name, text in contents(city).items() if name in before} == before
    parties = load_configuration(city).parties
    tickets, library = parties[ClientId("tickets")], parties[ClientId(LIBRARY_NAME)]
    assert tickets.secret_sha256 == hashlib.sha256(SECRET.encode()).hexdigest()
    assert (tickets.enforce, tickets.pkce_required, tickets.id_token_alg) == (True, True, "RS256")
    assert library.saml is not None
    assert library.saml.subject is SubjectKind.PERSISTENT
    assert read_service_provider(library.saml.metadata).acs_urls == {0: LIBRARY_ACS}
    assert all(SECRET.encode() not in (city / name).read_bytes() for name in new)


def test_without_a_purpose_a_service_is_a_draft_that_no_broker_reads(city: Path, peer: Path) -> None:
    file = realm(peer, openid_client("tickets"), saml_client(peer))
    lines = left(imported(city, "keycloak", file, "--purpose", f"{LIBRARY}=resident-parking", "--json"))
    assert "tickets: is a draft, parties/tickets.toml.draft: no purpose was named." in lines
    assert [*load_configuration(city).parties] == [LIBRARY_NAME]
    # Nor does it load because somebody only renames it
    (city / "parties/tickets.toml.draft").rename(city / "parties/tickets.toml")
    with pytest.raises(Misconfigured):
        load_configuration(city)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"redirectUris": ["https://tickets.storkhaven.example/*"]}, "holds a wildcard"),
        ({"redirectUris": ["http://tickets.storkhaven.example/callback"]}, "is not https"),
        ({"secret": "**********"}, "masked in the export"),
        ({"secret": "tickets-secret"}, "so short that its hash"),
        ({"enabled": False}, "switched off"),
        ({"standardFlowEnabled": False, "serviceAccountsEnabled": True}, "signs nobody in by the code flow"),
        ({"clientAuthenticatorType": "client-secret-jwt"}, "authenticates by client-secret-jwt"),
        ({"attributes": {"request.object.required": "request only"}}, "would be weaker here"),
        ({"attributes": {"minimum.acr.value": "3"}}, "is protected by minimum.acr.value"),
        ({"attributes": {"client.secret.expiration.time": "1000"}}, "is protected by client.secret.expiration.time"),
        ({"authenticationFlowBindingOverrides": {"browser": "two-factors"}}, "signs in by a flow of its own"),
        ({"protocol": "saml", "authenticationFlowBindingOverrides": {"browser": "f"}}, "signs in by a flow of its own"),
        ({"clientId": "tickets of the city"}, "is no name"),
    ],
)
def test_a_client_that_could_only_be_carried_weaker_or_broken_is_left_with_its_reason(
    city: Path, peer: Path, changes: dict[str, object], words: str
) -> None:
    before = contents(city)
    assert words in left(imported(city, "keycloak", realm(peer, openid_client("tickets", **changes)), *PURPOSE, "--json"))
    assert contents(city) == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"implicitFlowEnabled": True}, "the implicit flow"),
        ({"directAccessGrantsEnabled": True}, "the password grant"),
        ({"attributes": {}}, "need not send PKCE there"),
        ({"attributes": {"default.acr.values": "3"}}, "default.acr.values: which assurance it asks for"),
        ({"attributes": {"acr.loa.map": '{"3":3}'}}, "acr.loa.map: which assurance it asks for"),
        ({"attributes": {"backchannel.logout.url": "https://t.example/out"}}, "no session is kept"),
        (
            {"protocolMappers": [{"name": "nickname", "protocolMapper": "script-nick.js", "config": {}}]},
            "mapper `nickname` (script-nick.js) runs a script",
        ),
        ({"redirectUris": ["https://t.example/*", "https://t.example/callback"]}, "holds a wildcard"),
        (
            {"attributes": {"pkce.code.challenge.method": "S256", "post.logout.redirect.uris": "http://t.example/bye##+"}},
            "address after logout 'http://t.example/bye' is not https",
        ),
    ],
)
def test_a_client_is_carried_and_what_it_loses_has_a_line(
    city: Path, peer: Path, changes: dict[str, object], words: str
) -> None:
    assert words in left(imported(city, "keycloak", realm(peer, openid_client("tickets", **changes)), *PURPOSE, "--json"))
    party = load_configuration(city).parties[ClientId("tickets")]
    assert len(party.redirect_uris) == 1
    assert party.pkce_required


def test_what_protects_a_client_is_carried(city: Path, peer: Path) -> None:
    bound = {"dpop.bound.access.tokens": "true", "require.pushed.authorization.requests": "true"}
    client = openid_client("tickets", attributes={"pkce.code.challenge.method": "S256", **bound})
    told(imported(city, "keycloak", realm(peer, client), *PURPOSE, "--json"), 0)
    openid = load_configuration(city).parties[ClientId("tickets")].openid
    assert (openid.dpop_bound_access_tokens, openid.require_pushed_authorization_requests) == (True, True)


def test_a_public_client_keeps_no_secret_and_takes_any_port_of_its_loopback(city: Path, peer: Path) -> None:
    uris = ["https://app.storkhaven.example/done", "http://127.0.0.1/done"]
    client = openid_client("app", publicClient=True, redirectUris=uris, webOrigins=["+", "*"])
    assert "webOrigins `*`" in left(imported(city, "keycloak", realm(peer, client), *PURPOSE, "--json"))
    party = load_configuration(city).parties[ClientId("app")]
    assert (party.public, party.secret_sha256, list(party.redirect_uris)) == (True, "", uris)
    assert party.origins == ("https://app.storkhaven.example",)


@pytest.mark.parametrize(
    ("attributes", "words", "registered"),
    [
        ({"saml.signing.certificate": ""}, "we take no unsigned request", False),
        ({"saml.signing.certificate": "bm8ga2V5"}, "cannot be used", False),
        ({"saml.encrypt": "true"}, "its certificate is empty", False),
        ({"saml_assertion_consumer_url_post": "http://library.storkhaven.example/acs"}, "is not https", False),
        ({"minimum.acr.value": "3"}, "is protected by minimum.acr.value", False),
        ({"saml.client.signature": "false"}, "need not sign its requests there", True),
        ({"saml.signature.algorithm": "RSA_SHA1"}, "SHA-1", True),
        ({"saml_name_id_format": "username"}, "by a username", True),
        ({"saml_name_id_format": "email"}, "by their mail address", True),
    ],
)
def test_a_service_of_saml_is_registered_no_weaker_than_here(
    city: Path, peer: Path, attributes: dict[str, str], words: str, *, registered: bool
) -> None:
    file = realm(peer, saml_client(peer, **attributes))
    assert words in left(imported(city, "keycloak", file, *PURPOSE, "--json"))
    party = load_configuration(city).parties.get(ClientId(LIBRARY_NAME))
    assert (party is not None) is registered
    if party is not None and party.saml is not None and "saml_name_id_format" in attributes:
        assert party.saml.subject is SubjectKind.PAIRWISE_ID


@pytest.mark.parametrize("admin", ["", LIBRARY_ACS])
def test_answers_of_saml_go_where_keycloak_sends_them_and_never_to_another_page_of_the_service(
    city: Path, peer: Path, admin: str
) -> None:
    pages = {"redirectUris": [f"{LIBRARY}/welcome"], "adminUrl": admin}
    file = realm(peer, {**saml_client(peer, saml_assertion_consumer_url_post=""), **pages})
    result = imported(city, "keycloak", file, *PURPOSE, "--json")
    assert admin or "has no address for answers by POST" in left(result)
    services = [one.saml for one in load_configuration(city).parties.values() if one.saml]
    assert [read_service_provider(one.metadata).acs_urls for one in services] == ([{0: admin}] if admin else [])


def test_a_provider_of_keycloak_is_asked_at_its_endpoint_and_one_of_openid_connect_waits_for_its_metadata(
    city: Path, peer: Path
) -> None:
    openid = {"issuer": "https://op.example", "clientId": "city", "clientSecret": SECRET}
    mapper = {
        "name": "surname",
        "identityProviderAlias": "estonia",
        "identityProviderMapper": "saml-user-attribute-idp-mapper",
        "config": {"attribute.name": "urn:oid:2.5.4.4", "user.attribute": "lastName"},
    }
    providers = [
        peer_files.saml_provider(peer),
        {"alias": "national", "providerId": "oidc", "enabled": True, "config": openid},
    ]
    file = realm(peer, identityProviders=providers, identityProviderMappers=[mapper])
    lines = left(imported(city, "keycloak", file, "--country", "EE", "--json"))
    assert "national: is a draft, providers/national.toml.draft" in lines
    found = load_configuration(city).providers
    estonia = found[ProviderId("estonia")]
    assert ProviderId("national") not in found
    assert (estonia.binding, estonia.country, str(estonia.entity_id)) == ("post", "EE", peer_files.COUNTRY)
    assert {wire: str(target[0]) for wire, target in estonia.attributes.items()} == {"urn:oid:2.5.4.4": "family_name"}
    assert all(SECRET not in path.read_text() for path in (city / "providers").iterdir())


@pytest.mark.parametrize(
    ("changes", "config", "words"),
    [
        ({"linkOnly": True}, {}, "signs nobody in there"),
        ({"postBrokerLoginFlowAlias": "otp"}, {}, "has a flow after it"),
        ({}, {"filteredByClaim": "true", "claimFilterName": "staff", "claimFilterValue": "yes"}, "who have a claim"),
    ],
)
def test_a_provider_from_whom_keycloak_does_not_take_everybody_is_left(
    city: Path, peer: Path, changes: dict[str, object], config: dict[str, str], words: str
) -> None:
    before = contents(city)
    provider = {**peer_files.saml_provider(peer, **config), **changes}
    file = realm(peer, identityProviders=[provider])
    assert words in left(imported(city, "keycloak", file, "--country", "EE", "--json"))
    assert contents(city) == before


def test_a_proxy_of_satosa_is_read_with_the_files_that_it_names(city: Path, peer: Path) -> None:
    lines = left(imported(city, "satosa", peer_files.satosa(peer), *PURPOSE, "--country", "EE", "--json"))
    for words in (
        "metadata from https://mdq.federation.example is not fetched",
        "config.signing_key_path has a value that only SATOSA's own machine knows",
        "services register themselves there",
        "tickets: answers of the kind id_token token",
        "takes answers that nobody asked for",
        "national: is a draft",
        "backend satosa.backends.github.GitHubBackend has no counterpart here",
        "AddStaticAttributes runs code",
    ):
        assert words in lines
    configuration = load_configuration(city)
    assert {*configuration.parties} == {"tickets", LIBRARY_NAME, "pool.storkhaven.example"}
    (provider,) = [one for one in configuration.providers.values() if one.entity_id == peer_files.COUNTRY]
    assert ("urn:oid:2.5.4.4", ("family_name", "")) in provider.attributes.items()


@pytest.mark.parametrize(
    ("end", "ended"), [("2001-01-01T00:00:00Z", True), ("soon", True), ("2999-01-01T00:00:00Z", False)]
)
@pytest.mark.parametrize("of", ["EntitiesDescriptor", "EntityDescriptor", "SPSSODescriptor"])
def test_an_entity_that_has_ended_by_itself_by_a_role_or_by_a_group_is_left_alone(
    city: Path, peer: Path, of: str, end: str, *, ended: bool
) -> None:
    file, metadata = peer_files.satosa(peer), peer / "metadata" / "sps.xml"
    group = f"<md:EntitiesDescriptor>{peer_files.service_metadata(peer)}</md:EntitiesDescriptor>"
    text = metadata.read_text().replace(peer_files.service_metadata(peer), group)
    before, _, after = text.partition(f"<md:{of}>") if of == "EntitiesDescriptor" else text.partition(f"<md:{of} ")
    close = ">" if of == "EntitiesDescriptor" else " "
    metadata.write_text(f'{before}<md:{of} validUntil="{end}"{close}{after}')
    lines = left(imported(city, "satosa", file, *PURPOSE, "--country", "EE", "--json"))
    assert (f"{LIBRARY}: sps.xml: it has ended" in lines) is ended
    there = {"tickets", "pool.storkhaven.example"} | (set() if ended else {LIBRARY_NAME})
    assert {*load_configuration(city).parties} == there


@pytest.mark.parametrize("end", ["1000", "null", "'never'", "getenv('END')"])
def test_what_expired_in_simplesamlphp_is_left(city: Path, peer: Path, end: str) -> None:
    folder = peer_files.simplesamlphp(peer, inside=f"'expire' => {end},")
    provider = folder / "metadata" / "saml20-idp-remote.php"
    provider.write_text(provider.read_text().replace("'certificate'", f"'expire' => {end}, 'certificate'"))
    lines = left(imported(city, "simplesamlphp", folder, *PURPOSE, "--country", "EE", "--json"))
    for entity in (LIBRARY, peer_files.COUNTRY):
        assert f"{entity}: has ended by its `expire`" in lines
    assert not load_configuration(city).parties


def test_a_provider_that_is_asked_over_http_is_left(city: Path, peer: Path) -> None:
    folder = peer_files.simplesamlphp(peer)
    file = folder / "metadata" / "saml20-idp-remote.php"
    file.write_text(file.read_text().replace(peer_files.COUNTRY_SSO, "http://idp.estonia.example/sso"))
    assert "which is not https" in left(imported(city, "simplesamlphp", file, "--country", "EE", "--json"))
    assert not [*(city / "providers").glob("idp.estonia*")]


def test_simplesamlphp_is_read_without_php(city: Path, peer: Path) -> None:
    folder = peer_files.simplesamlphp(peer)
    found = told(imported(city, "simplesamlphp", folder, *PURPOSE, "--country", "EE", "--json"), 0)
    assert [one["name"] for one in found["written"]] == [LIBRARY_NAME, "idp.estonia.example"]
    party = load_configuration(city).parties[ClientId(LIBRARY_NAME)]
    assert party.title == {"en": "City library"}
    assert party.saml is not None
    assert party.saml.subject is SubjectKind.PERSISTENT


@pytest.mark.parametrize(
    ("inside", "more", "words"),
    [
        ("'authproc' => array(50 => array('class' => 'core:AttributeMap')),", "", "runs filters of its own"),
        ("'signature.algorithm' => 'http://www.w3.org/2000/09/xmldsig#rsa-sha1',", "", "SHA-1"),
        ("'attributes' => getenv('ATTRIBUTES') ?: [],", "", "attributes is no literal"),
        ("", "$metadata[getenv('SP')] = ['AssertionConsumerService' => 'https://x.example/'];", "assigns no literal"),
        ("", "if (true) { $metadata['https://x.example/'] = ['certData' => 'AAAA']; }", "assigns no literal"),
        ("", "$metadata['https://x.example/'] = ['AssertionConsumerService' => 'https://x.example/'];", "unsigned request"),
        ("", "include 'other.php';", "line"),
    ],
)
def test_what_php_would_evaluate_or_a_filter_would_do_is_named_and_never_done(
    city: Path, peer: Path, inside: str, more: str, words: str
) -> None:
    folder = peer_files.simplesamlphp(peer, more, inside)
    assert words in left(imported(city, "simplesamlphp", folder, *PURPOSE, "--country", "EE", "--json"))
    assert [*load_configuration(city).parties] == [LIBRARY_NAME]


def test_an_entry_that_a_later_statement_changes_is_left(city: Path, peer: Path) -> None:
    folder = peer_files.simplesamlphp(peer, f"unset($metadata['{LIBRARY}']);")
    lines = left(imported(city, "simplesamlphp", folder, *PURPOSE, "--country", "EE", "--json"))
    assert f"{LIBRARY}: is changed in line" in lines
    assert not load_configuration(city).parties


def test_clients_in_a_database_are_not_taken_from_a_file_that_satosa_does_not_read(city: Path, peer: Path) -> None:
    file = peer_files.satosa(peer)
    frontend = peer / "plugins" / "oidc_frontend.yaml"
    frontend.write_text(frontend.read_text().replace("  client_db_path", "  client_db_uri: mongodb://db\n  client_db_path"))
    lines = left(imported(city, "satosa", file, *PURPOSE, "--country", "EE", "--json"))
    assert "OIDC: keeps its clients in a database" in lines
    assert ClientId("tickets") not in load_configuration(city).parties


def test_a_source_of_passwords_is_left_and_one_that_asks_providers_hears_what_changes(city: Path, peer: Path) -> None:
    sources = peer / "authsources.php"
    sources.write_text(
        "<?php\n$config = ['default-sp' => ['saml:SP', 'entityID' => 'https://old.example/sp'],"
        " 'staff' => ['exampleauth:UserPass', 'mari:hunter2' => ['since' => time()]]];"
    )
    lines = left(imported(city, "simplesamlphp", sources, "--json"))
    assert "default-sp: was the entity https://old.example/sp there" in lines
    assert "staff: authenticates by exampleauth:UserPass." in lines
    assert "hunter2" not in lines


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("$config['sql']['password'] = 'hunter2';", "line 3 assigns no literal"),
        ("define('LDAP_PASSWORD', 'hunter2');", "line 3 assigns no literal"),
        ("$config['ldap'] += ['password' => 'hunter2'];", "line 3 assigns no literal"),
        ("include 'hunter2.php'", "line 3 assigns no literal"),
        ("$config = ['x' => ['saml:SP', 'pass' => getenv('P') ?: 'hunter2']];", "x: line 3: pass is no literal"),
        ("$config = ['x' => ['saml:SP', 'hunter' . '2' => 1]];", "x: line 3: (line 3) is no literal"),
        ("$config = ['x' => 'hunter2'];", "x: authenticates by something else"),
    ],
)
def test_what_is_not_evaluated_is_named_by_its_line_since_it_may_hold_a_password(
    city: Path, peer: Path, statement: str, words: str
) -> None:
    sources = peer / "authsources.php"
    sources.write_text(f"<?php\n\n{statement}\n")
    result = imported(city, "simplesamlphp", sources, "--json")
    assert words in left(result)
    assert "hunter" not in result.output


def test_a_value_that_satosa_takes_from_its_machine_is_named_without_its_default(city: Path, peer: Path) -> None:
    file = peer_files.satosa(peer)
    frontend = peer / "plugins" / "oidc_frontend.yaml"
    frontend.write_text(frontend.read_text().replace("!ENV SIGNING_KEY", "!ENV ${SIGNING_KEY:hunter2}"))
    result = imported(city, "satosa", file, *PURPOSE, "--country", "EE", "--json")
    assert "config.signing_key_path has a value" in left(result)
    assert "hunter2" not in result.output


@pytest.mark.parametrize(
    ("peer_name", "name", "text"),
    [
        ("keycloak", "realm.json", "{"),
        ("keycloak", "realm.json", '{"clients": []}'),
        ("satosa", "proxy_conf.yaml", "a: [b"),
        ("satosa", "proxy_conf.yaml", "a: b"),
        ("satosa", "proxy_conf.yaml", "a: !!python/object/apply:os.getcwd []"),
        ("simplesamlphp", "saml20-sp-remote.php", "nothing"),
        ("simplesamlphp", "other.php", "<?php"),
        ("keycloak", "not-there.json", ""),
    ],
)
def test_a_file_that_is_none_of_the_peer_is_told_and_nothing_is_written(
    city: Path, peer: Path, peer_name: str, name: str, text: str
) -> None:
    before = contents(city)
    if text:
        (peer / name).write_text(text)
    found = told(imported(city, peer_name, peer / name, "--json"), 2)
    assert found["error"]["code"] == "unreadable"
    assert contents(city) == before


@pytest.mark.parametrize(
    "choice", [("--purpose", "everything"), ("--country", "Estonia"), ("--purpose", "ticket=resident-parking")]
)
def test_a_choice_that_names_nothing_is_refused_before_anything_is_written(
    city: Path, peer: Path, choice: tuple[str, str]
) -> None:
    before = contents(city)
    assert imported(city, "keycloak", realm(peer, openid_client("tickets")), *choice, "--json").exit_code == 1
    assert contents(city) == before


def test_an_entity_that_is_no_uri_is_left(city: Path, peer: Path) -> None:
    client = {**saml_client(peer), "clientId": "library"}
    assert "is no URI" in left(imported(city, "keycloak", realm(peer, client), *PURPOSE, "--json"))


def test_a_second_import_changes_no_file_and_says_what_is_there(city: Path, peer: Path) -> None:
    file = realm(peer, openid_client("tickets"), saml_client(peer))
    told(imported(city, "keycloak", file, *PURPOSE, "--json"), 0)
    before = contents(city)
    lines = left(imported(city, "keycloak", file, *PURPOSE, "--json"))
    assert "tickets: is not registered: client_id `tickets` is there already" in lines
    assert f"{LIBRARY}: is registered already, in parties/{LIBRARY_NAME}.toml." in lines
    assert contents(city) == before


def test_a_folder_that_does_not_load_with_the_new_files_is_left_as_it_was(city: Path, peer: Path) -> None:
    before = contents(city)
    key = {"use.jwks.string": "true", "jwks.string": peer_files.jwks(peer), "token.endpoint.auth.signing.alg": "ES256"}
    of_another_key = openid_client("fares", clientAuthenticatorType="client-jwt", attributes=key)
    result = imported(city, "keycloak", realm(peer, openid_client("tickets"), of_another_key), *PURPOSE, "--json")
    assert "holds no key for ES256" in told(result, 1)["problems"][0]["what"]
    assert contents(city) == before


def test_a_client_with_a_key_keeps_it(city: Path, peer: Path) -> None:
    key = {"use.jwks.string": "true", "jwks.string": peer_files.jwks(peer), "pkce.code.challenge.method": "S256"}
    client = openid_client("fares", clientAuthenticatorType="client-jwt", attributes=key)
    told(imported(city, "keycloak", realm(peer, client), *PURPOSE, "--json"), 0)
    party = load_configuration(city).parties[ClientId("fares")]
    assert (party.authentication_method, party.authentication_alg, party.secret_sha256) == ("private_key_jwt", "RS256", "")
