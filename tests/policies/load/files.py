"""A configuration without a fault, and what to spoil in it."""

import json

from policies.errors import Misconfigured, Problem
from policies.load import load

PURPOSE = """\
id = "resident-parking"
title.en = "Resident parking permit"
title.et = "Elaniku parkimisluba"
basis = "public_task"
law.en = "Parking by-law, section 7"
minimum_assurance = "substantial"

[controller]
name.en = "City of Storkhaven"
contact = "privacy@storkhaven.example"

[attributes.birthdate]
form = "age_over(18)"
why.en = "Permits are for adults."
required = true

[attributes.address]
form = "resident_of(Storkhaven)"
why.en = "Permits are for residents."

[[examples]]
title = "An adult of the city"
on = 2026-11-25
loa = "high"
asked = { birthdate = "exact", address = "exact", gender = "exact" }
given = { birthdate = 1990-04-01, address = { locality = "Storkhaven" }, gender = "female" }
released = { birthdate = { form = "age_over(18)", answer = true }, address = "resident_of(Storkhaven)" }
withheld = { gender = "not_needed" }
"""
PARTY = """\
client_id = "parking"
title.en = "Resident parking"
sector = "traffic"
redirect_uris = ["https://parking.storkhaven.example/callback"]
purposes = ["resident-parking"]
token_endpoint_auth_method = "client_secret_basic"
client_secret_sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"

[attributes]
birthdate = "exact"
address = "exact"
"""
KEYED_PARTY = """\
client_id = "fares"
title.en = "Concession fares"
sector = "traffic"
redirect_uris = ["http://fares.localhost:9000/callback?from=broker", "http://127.0.0.1:9000/callback"]
purposes = ["resident-parking"]
token_endpoint_auth_method = "private_key_jwt"
token_endpoint_auth_signing_alg = "ES256"
jwks = "parties/fares.jwks.json"
id_token_signed_response_alg = "RS256"
"""
JWKS = json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "kid": "1"}]})
PROVIDER = """\
id = "demo-ee"
title.en = "Estonian eID"
country = "EE"
namespace = "demo/EE"
entity_id = "https://idp.example/metadata"
metadata = "metadata/demo-ee.xml"
binding = "post"
subject = "urn:oid:1.3.6.1.4.1.25178.1.2.15"

[attributes]
"urn:oid:2.5.4.4" = "family_name"
"urn:oid:2.5.4.7" = "address.locality"

[assurance]
"urn:x:card" = "high"
"http://eidas.europa.eu/LoA/substantial" = "low"
"""
COUNTRY_NODE = """\
id = "lv"
title.en = "Latvia"
protocol = "eidas"
country = "LV"
namespace = "eidas/LV"
entity_id = "https://node.lv.example/eidas/metadata"
metadata_certificate = "metadata/node.pem"
metadata_digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
networks = ["10.1.0.0/16", "fd00:1::/48"]
binding = "post"

[assurance]
"http://eidas.europa.eu/LoA/high" = "high"
"http://eidas.europa.eu/NotNotified/LoA/substantial" = "low"
"""
NODE = """\
id = "nl"
title.en = "Node of the Netherlands"
country = "NL"
entity_id = "https://node.nl.example/eidas/metadata"
metadata_url = "https://metadata.nl.example/node.xml"
metadata_certificate = "metadata/node.pem"
tell_refusal = true
"""
# made by `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=metadata`; its key is gone
PEM = """\
-----BEGIN CERTIFICATE-----
MIIBfDCCASGgAwIBAgIUOSD9wyLvUkmTdbOPutLGXx7FoSEwCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIbWV0YWRhdGEwHhcNMjYxMTI1MTQxMzA0WhcNMzYxMTIyMTQx
MzA0WjATMREwDwYDVQQDDAhtZXRhZGF0YTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABM96SB3Eu7BjppmZaIybXncwEbB/smZcBFdboTH6UyB5LjdliJhigks74L6c
N5jlE/uzDlw17peGKjd1mqC1B42jUzBRMB0GA1UdDgQWBBRf4vQ6+9U4QdZAWNRw
iDPAXq/FYTAfBgNVHSMEGDAWgBRf4vQ6+9U4QdZAWNRwiDPAXq/FYTAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQC57vfJZeFlUmX9kK65FHhpCVU/
ghOykH0HIAVgw6sp8AIhAPm83dKTQkYFDg7QOZymXk+FAf7Cu2c3yk85OUKhjX40
-----END CERTIFICATE-----
"""
OWN = """\
[attributes.library_card]
kind = "text"
title.en = "Library card number"
saml = ["urn:oid:1.2.3"]
"""
FILES = {
    "purposes/parking.toml": PURPOSE,
    "parties/parking.toml": PARTY,
    "parties/fares.toml": KEYED_PARTY,
    "parties/fares.jwks.json": JWKS,
    "providers/demo-ee.toml": PROVIDER,
    "metadata/demo-ee.xml": "<EntityDescriptor/>",
    "providers/lv.toml": COUNTRY_NODE,
    "nodes/nl.toml": NODE,
    "metadata/node.pem": PEM,
    "catalogue.toml": OWN,
}


def files(**changed: str) -> dict[str, bytes]:
    """The configuration; keys such as `purposes/parking.toml` replace or add a file."""
    return {name: text.encode() for name, text in {**FILES, **changed}.items()}


def spoiled(file: str, old: str, new: str) -> dict[str, bytes]:
    """The configuration with one text replaced in one file."""
    assert FILES[file].count(old) >= 1, old
    return files(**{file: FILES[file].replace(old, new, 1)})


def problems_of(configuration: dict[str, bytes]) -> tuple[Problem, ...]:
    try:
        load(configuration)
    except Misconfigured as error:
        return error.problems
    raise AssertionError("the configuration was accepted")


def problem_of(file: str, old: str, new: str) -> Problem:
    """The one problem that a spoiled file has."""
    found = problems_of(spoiled(file, old, new))
    assert len(found) == 1, [str(problem) for problem in found]
    assert found[0].file == file
    return found[0]
