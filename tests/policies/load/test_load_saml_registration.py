"""How an identity provider of SAML is asked, what a service is in its federations, and each fault with its line and fix."""

import pytest

from policies.federation.categories import InFederation
from policies.load import load
from policies.parties import ClientId, ProviderId
from policies.registrations.saml_registration import SamlRegistration
from tests.policies.load.files import files, problem_of, spoiled

FILE, PARTY = "providers/demo-ee.toml", "parties/parking.toml"
BINDING = 'binding = "post"'
COCO = "https://refeds.org/category/code-of-conduct/v2"


def test_a_provider_asks_as_saml2int_has_it_unless_its_file_says_more() -> None:
    assert load(files()).providers[ProviderId("demo-ee")].saml == SamlRegistration()
    lines = [
        'answers = "artifact"',
        "client_certificate = true",
        'authn_context = "exact"',
        "proxies = 2",
        "tell_requester = true",
        'authorities = ["https://home.example/idp"]',
        'scopes = ["uni.example"]',
        'certified = ["https://refeds.org/sirtfi"]',
        f'only_for = ["{COCO}"]',
        'networks = ["10.1.0.0/16"]',
        "qualified_issuer = true",
        'landings = { portal = "https://portal.example/login" }',
    ]
    found = load(spoiled(FILE, BINDING, "\n".join((BINDING, *lines)))).providers[ProviderId("demo-ee")].saml
    assert found == SamlRegistration(
        answers="artifact",
        comparison="exact",
        proxies=2,
        tells_requester=True,
        authorities=("https://home.example/idp",),
        scopes=("uni.example",),
        certified=("https://refeds.org/sirtfi",),
        only_for=frozenset({COCO}),
        networks=("10.1.0.0/16",),
        qualified_issuer=True,
        client_certificate=True,
        landings={"portal": "https://portal.example/login"},
    )


@pytest.mark.parametrize(
    ("line", "key", "fix"),
    [
        ('answers = "redirect"', "answers", '"post", "artifact"'),
        ('discovery = "https://ds.example/"', "discovery", 'members = "all"'),
        ('authn_context = "better"', "authn_context", '"exact", "minimum"'),
        ("proxies = true", "proxies", "proxies = 1"),
        ("proxies = 9", "proxies", "proxies = 1"),
        ("tell_requester = true", "tell_requester", "proxies = 1"),
        ("client_certificate = true", "client_certificate", 'answers = "artifact"'),
        ('authorities = ["home"]', "authorities", "ENTITY ID"),
        ("authorities = []", "authorities", "ENTITY ID"),
        ('scopes = [".*"]', "scopes", "small letters"),
        ('certified = ["sirtfi"]', "certified", "refeds.org/sirtfi"),
        ('only_for = ["coco"]', "only_for", "code-of-conduct/v2"),
        ("landings = {}", "landings", "RelayState"),
        ('landings = { portal = "http://portal.example" }', "landings.portal", "RelayState"),
        ('deviations = ["no_scoping"]\nproxies = 1', "proxies", "or the deviation"),
    ],
)
def test_a_fault_of_a_providers_choices_is_told_with_key_and_fix(line: str, key: str, fix: str) -> None:
    found = problem_of(FILE, BINDING, f"{BINDING}\n{line}")
    assert (found.file, found.key) == (FILE, key)
    assert fix in found.fix


def test_a_service_says_its_categories_and_the_assurance_that_it_wants() -> None:
    lines = f'entity_categories = ["{COCO}"]\nrefeds_assurance = ["https://refeds.org/assurance/IAP/medium"]\nsector'
    found = load(spoiled(PARTY, "sector", lines)).parties[ClientId("parking")].federation
    assert found == InFederation(frozenset({COCO}), ("https://refeds.org/assurance/IAP/medium",))


@pytest.mark.parametrize(
    ("line", "key", "fix"),
    [
        ('entity_categories = ["r-and-s"]', "entity_categories", "refeds.org/category"),
        ("entity_categories = []", "entity_categories", "refeds.org/category"),
        ('refeds_assurance = ["https://refeds.org/assurance/IAP/gold"]', "refeds_assurance", "did you mean"),
    ],
)
def test_a_fault_of_a_services_federation_is_told_with_key_and_fix(line: str, key: str, fix: str) -> None:
    found = problem_of(PARTY, "sector", f"{line}\nsector")
    assert (found.file, found.key) == (PARTY, key)
    assert fix in found.fix
