"""LemonLDAP::NG's attribute query: it takes our question, and what it answers is no assertion of anybody.

`Lemonldap/NG/Portal/Issuer/SAML.pm` (2.21.2, `attributeServer`) puts an AttributeStatement into a new
`Lasso::Saml2Assertion`, which gets no ID, issuer, subject or conditions, and is not encrypted.
"""

import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import httpcore2
import pytest

from connectors.attribute_provider import asked
from connectors.wire.names import EMAIL
from policies.attribute_register import AttributeQueryService
from policies.attributes import AttributeName
from policies.errors import AssertionRejected
from tests.connectors.forge import SP
from tests.connectors.registers.authority import ours, register
from tests.interop import messages
from tests.interop.client_lemonldap import PORTAL
from tests.interop.messages import OURS, STRANGER, THEIRS, key
from tests.interop.programs import running
from tests.interop.provider_lemonldap import BASIC, FIELDS, LASSO, NAMES, portal, served
from tests.peers import require_peer
from tests.ports import free_port

pytestmark = pytest.mark.peer

FAMILY_NAME = AttributeName("family_name")
# It searches its sessions for the whole NameID: one that nobody qualifies
PERSON = {AttributeName("email"): "dwho@badwolf.org"}


def _configuration(base: str, folder: Path) -> dict[str, object]:
    options = {
        "samlSPMetaDataOptionsCheckSSOMessageSignature": 1,
        "samlSPMetaDataOptionsNameIDFormat": "email",
        "samlSPMetaDataOptionsEnableIDPInitiatedURL": 1,
        "samlSPMetaDataOptionsEncryptionMode": "assertion",
    }
    return {
        **portal(base, folder),
        "issuerDBSAMLActivation": 1,
        "samlServicePrivateKeySig": messages.private_pem(key(THEIRS)),
        "samlServicePublicKeySig": messages.certificate_pem(key(THEIRS)),
        "samlSPMetaDataXML": {"ciconia": {"samlSPMetaDataXML": messages.metadata(SP, OURS)}},
        "samlSPMetaDataOptions": {"ciconia": options},
        "samlSPMetaDataExportedAttributes": {"ciconia": {name: f"1;{name};{BASIC};{name}" for name in NAMES.values()}},
    }


def _fetched(port: int, method: str, path: str, host: str, form: dict[str, str] | None = None) -> bytes:
    content = urlencode(form).encode() if form else b""
    headers: dict[bytes | str, bytes | str] = {
        "Host": host,
        "Content-Length": str(len(content)),
        "Origin": f"http://{host}",
    }
    if form:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    found = httpcore2.request(method, f"http://127.0.0.1:{port}{path}", headers=headers, content=content)
    return found.content


@pytest.mark.spec("issue 33 real parts")
def test_lemonldap_takes_our_question_and_its_bare_answer_is_refused(tmp_path: Path) -> None:
    require_peer("LemonLDAP::NG", present=PORTAL.exists() and LASSO.exists())
    port = free_port()
    host = f"llng.localhost:{port}"
    words, environment = served(tmp_path, port, _configuration(f"http://{host}", tmp_path))
    with running(words, environment, tmp_path, port) as log:
        _fetched(port, "POST", "/saml/singleSignOn?IDPInitiated=1&spConfKey=ciconia", host, FIELDS)
        described = _fetched(port, "GET", "/saml/metadata", host)
        registered = replace(
            register(b""),
            issuer=f"http://{host}/saml/metadata",
            found_by={AttributeName("email"): ""},
            attributes={"family_name": (FAMILY_NAME, "")},
            transport=AttributeQueryService(described, EMAIL),
        )
        with pytest.raises(AssertionRejected) as caught:
            ours(registered).ask(asked(PERSON, [FAMILY_NAME], int(time.time())), time.monotonic() + 60)
        assert caught.value.check == "plain_assertion"
        with pytest.raises(AssertionRejected) as caught:
            ours(registered, STRANGER).ask(asked(PERSON, [FAMILY_NAME], int(time.time())), time.monotonic() + 60)
        assert caught.value.check == "register_status", log.read_text(errors="replace")[-2000:]
