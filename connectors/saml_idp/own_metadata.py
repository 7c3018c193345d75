"""Our metadata for services (SAML Metadata 2.0 §2.4.3), signed: which keys sign answers, and where to ask."""

import secrets
from collections.abc import Mapping

from connectors.formats.entity_facts import SHIBMD
from connectors.formats.grammar import written
from connectors.formats.metadata import SIGNATURE_PLACE
from connectors.formats.operator import Operator, describe
from connectors.profiles import SAML2INT
from connectors.signatures.elements import add_key, child, made
from connectors.signatures.profile import DS
from connectors.signatures.signer import Signers
from connectors.signatures.xmlsign import sign_enveloped
from connectors.wire.names import EMAIL, MD, PERSISTENT, POST, REDIRECT, SAMLP, SIMPLE_SIGN, SOAP, TRANSIENT, md

# What a service puts into our errorURL (REFEDS SAML V2.0 Metadata Deployment Profile for errorURL 1.0)
ERROR_QUERY = "&".join(f"{name}=ERRORURL_{name.upper()}" for name in ("code", "ts", "rp", "tid", "ctx"))


def identity_provider_metadata(
    *,
    entity_id: str,
    sso_url: str,
    artifact_url: str,
    logout: Mapping[str, str],
    scope: str,
    error_url: str,
    ecp_url: str,
    operator: Operator | None,
    signer: Signers,
    now: int,
    valid_for: int,
) -> bytes:
    """Our signed EntityDescriptor, valid for `valid_for` seconds from `now`; both keys are in it while one takes over.

    `logout` has the addresses of logout by their bindings, `error_url` is our page for whom a service turned away, and
    `ecp_url` where programs ask, "" where none do, and `operator` who runs us, if that is to be said.
    """
    named = {"ID": "_" + secrets.token_hex(16), "entityID": entity_id, "validUntil": written(now + valid_for)}
    root = made(md("EntityDescriptor"), {"md": MD, "ds": DS, "shibmd": SHIBMD}, **named)
    signed = {"WantAuthnRequestsSigned": "true", "protocolSupportEnumeration": SAMLP}
    role = child(root, md("IDPSSODescriptor"), **signed, errorURL=f"{error_url}?{ERROR_QUERY}")
    child(child(role, md("Extensions")), f"{{{SHIBMD}}}Scope", scope, regexp="false")
    for key in signer.published(now):
        add_key(role, md("KeyDescriptor"), "signing", key.certificate)
    resolves = {"Binding": SOAP, "Location": artifact_url, "index": "0", "isDefault": "true"}
    child(role, md("ArtifactResolutionService"), **resolves)
    for binding, url in logout.items():
        child(role, md("SingleLogoutService"), Binding=binding, Location=url)
    # Some products ask for the first of them: that of a registration which says nothing
    for name_format in (TRANSIENT, PERSISTENT, EMAIL):
        child(role, md("NameIDFormat"), name_format)
    for binding in (REDIRECT, POST, SIMPLE_SIGN):
        child(role, md("SingleSignOnService"), Binding=binding, Location=sso_url)
    if ecp_url:
        child(role, md("SingleSignOnService"), Binding=SOAP, Location=ecp_url)
    if operator is not None:
        describe(root, operator)
    return sign_enveloped(root, signer.at(now), place=SIGNATURE_PLACE, profile=SAML2INT)
