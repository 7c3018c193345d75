"""npm `samlp` as an identity provider: the program of our own tests, told by each flow what to sign and encrypt."""

import base64
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from tests.interop.instance import Instance
from tests.interop.peer import HERE, NODE_MODULES
from tests.interop.provider_stage import PASSWORD
from tests.interop.samlp_country import PERSON, pem

ATTRIBUTES = {
    "family_name": "urn:oid:2.5.4.4",
    "given_name": "urn:oid:2.5.4.42",
    "birthdate": "urn:oid:1.3.6.1.4.1.25178.1.2.3",
    "person_identifier": "urn:oid:1.3.6.1.4.1.25178.1.2.15",
    "email": "urn:oid:0.9.2342.19200300.100.1.3",
    "address.locality": "urn:oid:2.5.4.7",
    "address.country": "urn:oid:2.5.4.6",
}


def command(instance: Instance) -> tuple[Sequence[str], Mapping[str, str]]:
    """Its options, in the file that the program reads."""
    published, flow = instance.broker_metadata.read_text(encoding="utf-8"), instance.flow.name

    def certificate(use: str) -> str:
        found = re.search(rf'use="{use}".*?<ds:X509Certificate>([^<]+)<', published, re.DOTALL)
        return pem(base64.b64decode(found[1] if found else ""))

    options: dict[str, object] = {
        "attributes": PERSON,
        "loa": PASSWORD,
        "signResponse": not flow.startswith("assertion"),
        "signAssertion": not flow.startswith("response"),
        "signingCert": certificate("signing"),
        "logoutUrl": instance.broker_url.replace("/acs", "/logout"),
    }
    if "encrypted" in flow:
        to = certificate("encryption")
        options |= {"encryptionCert": to, "encryptionPublicKey": to, "disallowEncryptionWithInsecureAlgorithm": False}
    if "encryptionAlgorithm" in flow:
        options["encryptionAlgorithm"] = "http://www.w3.org/2001/04/xmlenc#aes256-cbc"
    says = instance.folder / "says.json"
    says.write_text(json.dumps(options), encoding="utf-8")
    (instance.folder / "node_modules").symlink_to(NODE_MODULES)
    (instance.folder / "samlp_idp.cjs").write_bytes((HERE / "samlp_idp.cjs").read_bytes())
    host = str(urlsplit(instance.base).hostname)
    return [str(shutil.which("node")), "samlp_idp.cjs"], {"SAYS": str(says), "HOST": host, "SIGN_IN": "1"}
