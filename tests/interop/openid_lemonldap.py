"""LemonLDAP::NG's portal as an OpenID provider: its file configuration, with the broker as its one relying party."""

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from idp.keys.file import create_token_key, load_signer
from tests.interop.openid_stage import CLIENT_ID, Upstream
from tests.interop.programs import Started
from tests.interop.provider_lemonldap import portal, served

# Its demonstration backend is of the first level where the portal has no TLS
LEVEL = "loa-1"
# Claims, each with what the session calls it; its address is made of parts
EXPORTED = {name: name for name in ("family_name", "given_name", "birthdate", "email", "locality", "country")}


def command(upstream: Upstream) -> Started:
    """One portal, with a key of its own; its metadata names no way to authenticate but by secrets."""
    key = upstream.folder / "key.pem"
    create_token_key(key, "RS256")
    public = load_signer(key).public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    options = {
        "oidcRPMetaDataOptionsClientID": CLIENT_ID,
        "oidcRPMetaDataOptionsClientSecret": upstream.secret,
        "oidcRPMetaDataOptionsRedirectUris": upstream.callback,
        "oidcRPMetaDataOptionsBypassConsent": 1,
        "oidcRPMetaDataOptionsIDTokenSignAlg": "RS256",
        "oidcRPMetaDataOptionsRequirePKCE": 1,
    }
    more: dict[str, object] = {
        "issuerDBOpenIDConnectActivation": 1,
        "oidcServiceAllowAuthorizationCodeFlow": 1,
        "oidcServiceIgnoreScopeForClaims": 1,
        "oidcServicePrivateKeySig": key.read_text(encoding="ascii"),
        "oidcServicePublicKeySig": public.decode("ascii"),
        "oidcServiceKeyIdSig": "portal-1",
        "oidcRPMetaDataOptions": {CLIENT_ID: options},
        "oidcRPMetaDataExportedVars": {CLIENT_ID: EXPORTED},
    }
    return served(upstream.folder, upstream.port, {**portal(upstream.base, upstream.folder), **more})
