"""Configurations of other brokers, of the shapes that their documentation and deployments have; all of it is made up."""

import base64
import json
import shutil
from pathlib import Path

from connectors.signatures.jwk import public_jwk
from idp.keys.file import create_saml_key, load_signer

SECRET = "k9Yw2mQx7Lr4Vb8Tn3Zc6Hd1"
LIBRARY, LIBRARY_ACS = "https://library.storkhaven.example/saml", "https://library.storkhaven.example/saml/acs"
COUNTRY, COUNTRY_SSO = "https://idp.estonia.example/saml", "https://idp.estonia.example/sso"


def certificate(folder: Path) -> str:
    """A certificate in base64, as a peer's file has it; its key lies in `folder`."""
    key = folder / "library.pem"
    if not key.exists():
        create_saml_key(key, "library.storkhaven.example")
    return base64.b64encode(load_signer(key).certificate).decode()


def jwks(folder: Path) -> str:
    """The same key as a JWKS, of RSA."""
    certificate(folder)
    return json.dumps({"keys": [public_jwk(load_signer(folder / "library.pem").public_key)]})


def openid_client(client_id: str, **changes: object) -> dict[str, object]:
    """A client of Keycloak from whose registration everything is carried, but for `changes`."""
    return {
        "clientId": client_id,
        "name": "Tickets",
        "enabled": True,
        "protocol": "openid-connect",
        "clientAuthenticatorType": "client-secret",
        "secret": SECRET,
        "redirectUris": [f"https://{client_id}.storkhaven.example/callback"],
        "standardFlowEnabled": True,
        "attributes": {"pkce.code.challenge.method": "S256"},
        **changes,
    }


def saml_client(folder: Path, **attributes: str) -> dict[str, object]:
    """A service of Keycloak that signs, but for `attributes`."""
    return {
        "clientId": LIBRARY,
        "name": "City library",
        "enabled": True,
        "protocol": "saml",
        "attributes": {
            "saml_assertion_consumer_url_post": LIBRARY_ACS,
            "saml.client.signature": "true",
            "saml.signing.certificate": certificate(folder),
            "saml.signature.algorithm": "RSA_SHA256",
            "saml_name_id_format": "persistent",
            **attributes,
        },
    }


def saml_provider(folder: Path, **config: str) -> dict[str, object]:
    """An identity provider of Keycloak that is carried whole, but for `config`."""
    asked = {
        "idpEntityId": COUNTRY,
        "singleSignOnServiceUrl": COUNTRY_SSO,
        "signingCertificate": certificate(folder),
        "validateSignature": "true",
        "postBindingAuthnRequest": "true",
    }
    return {"alias": "estonia", "providerId": "saml", "enabled": True, "config": {**asked, **config}}


def realm(folder: Path, *clients: dict[str, object], **more: object) -> Path:
    """A realm's export, with the clients that each realm has."""
    own = [openid_client(name) for name in ("account", "admin-cli", "broker")]
    path = folder / "realm.json"
    path.write_text(json.dumps({"realm": "city", "clients": [*own, *clients], **more}))
    return path


def service_metadata(folder: Path, entity: str = LIBRARY) -> str:
    key = f"<ds:X509Data><ds:X509Certificate>{certificate(folder)}</ds:X509Certificate></ds:X509Data>"
    return (
        f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity}"><md:SPSSODescriptor '
        'protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing"><ds:KeyInfo '
        f'xmlns:ds="http://www.w3.org/2000/09/xmldsig#">{key}</ds:KeyInfo></md:KeyDescriptor><md:AssertionConsumerService '
        f'Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{entity}/acs" index="0"/></md:SPSSODescriptor>'
        "</md:EntityDescriptor>"
    )


def provider_metadata(folder: Path) -> str:
    """The same as an identity provider's."""
    text = service_metadata(folder, COUNTRY).replace("SPSSODescriptor", "IDPSSODescriptor")
    begin, end = text.index("<md:AssertionConsumerService"), text.index("</md:IDPSSODescriptor>")
    sso = f'<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{COUNTRY_SSO}"/>'
    return text[:begin] + sso + text[end:]


def satosa(folder: Path) -> Path:
    """A proxy with a SAML and an OpenID frontend, and a backend of each; its `proxy_conf.yaml`."""
    shutil.copytree(Path(__file__).with_name("satosa"), folder, dirs_exist_ok=True)
    files = {
        "clients.json": json.dumps(
            {
                "tickets": {
                    "redirect_uris": ["https://tickets.storkhaven.example/callback"],
                    "response_types": ["code", "id_token token"],
                    "client_secret": SECRET,
                },
            }
        ),
        "metadata/sps.xml": (
            '<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">'
            f"{service_metadata(folder)}{service_metadata(folder, 'https://pool.storkhaven.example/saml')}"
            "</md:EntitiesDescriptor>"
        ),
        "metadata/idp.xml": provider_metadata(folder),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder / "proxy_conf.yaml"


def simplesamlphp(folder: Path, more: str = "", inside: str = "") -> Path:
    """An installation's folder: one service, one provider, and the source that asks it."""
    files = {
        "metadata/saml20-sp-remote.php": f"""\
<?php
declare(strict_types=1);
/* one service */
$metadata['{LIBRARY}'] = array (
  'entityid' => '{LIBRARY}', // as its key
  'expire' => 32503680000,
  'name' => array('en' => 'City library'),
  'AssertionConsumerService' => array (
    0 => array ('Binding' => 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST', 'Location' => '{LIBRARY_ACS}', 'index' => 0),
  ),
  'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
  'keys' => [['encryption' => false, 'signing' => true, 'type' => 'X509Certificate',
    'X509Certificate' => '{certificate(folder)}']],
  {inside}
);
{more}
""",
        "metadata/saml20-idp-remote.php": f"""\
<?php
$metadata["{COUNTRY}"] = [
    'SingleSignOnService' => '{COUNTRY_SSO}',
    'expire' => 32503680000.0,
    'certificate' => 'country.crt',
];
""",
        "config/authsources.php": "<?php\n$config = ['admin' => ['core:AdminPassword']];\n",
        "cert/country.crt": f"-----BEGIN CERTIFICATE-----\n{certificate(folder)}\n-----END CERTIFICATE-----\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder
