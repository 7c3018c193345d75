"""LemonLDAP::NG's portal, whose people sign in at a SAML identity provider."""

from collections.abc import Mapping

from idp.demo.browser import Page
from tests.interop.instance import Instance
from tests.interop.programs import Started
from tests.interop.provider_lemonldap import portal, served
from tests.interop.service_apache import PAIRWISE_ID
from tests.interop.snippet_stage import RELEASED

IDP = "ciconia"
URI = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
ADDRESS, PROXY = "samlSPSSODescriptorAssertionConsumerService", ";#PORTAL#/saml/proxySingleSignOn"
BINDING = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-"
# Flags beside the identifier that the portal keeps of a person
KEPT = tuple(name for name, value in RELEASED.items() if value is True)


def command(instance: Instance) -> Started:
    """One portal with one identity provider, whose metadata is pasted into the configuration as its manager does."""
    own = portal(instance.base, instance.folder)
    issuer = instance.broker_entity.removesuffix("/saml/idp")
    names = {"pairwise": PAIRWISE_ID, **{name: f"{issuer}/attributes/{name}" for name in KEPT}}
    options = {
        # lasso asks for persistent where nobody says another
        "samlIDPMetaDataOptionsNameIDFormat": "transient",
        "samlIDPMetaDataOptionsCheckSSOMessageSignature": 1,
        "samlIDPMetaDataOptionsCheckTime": 1,
        "samlIDPMetaDataOptionsCheckAudience": 1,
        "samlIDPMetaDataOptionsSignSSOMessage": 1,
        "samlIDPMetaDataOptionsSignSLOMessage": 1,
        "samlIDPMetaDataOptionsCheckSLOMessageSignature": 1,
    }
    if "artifact" in instance.flow.name:
        # Its default address for answers is that of artifacts
        own |= {f"{ADDRESS}HTTPArtifact": f"1;0;{BINDING}Artifact{PROXY}Artifact"}
        own |= {f"{ADDRESS}HTTPPost": f"0;1;{BINDING}POST{PROXY}Post"}
    saml = {
        "authentication": "SAML",
        "userDB": "Same",
        "macros": {"_whatToTrace": "$_user"},
        # `/session/my/global` tells a person what the portal knows of them
        "restSessionServer": 1,
        "exportedAttr": " ".join(names),
        "samlServicePrivateKeySig": instance.key.read_text(encoding="ascii"),
        "samlServicePublicKeySig": instance.certificate.read_text(encoding="ascii"),
        "samlIDPMetaDataXML": {IDP: {"samlIDPMetaDataXML": instance.broker_metadata.read_text(encoding="utf-8")}},
        "samlIDPMetaDataOptions": {IDP: options},
        "samlIDPMetaDataExportedAttributes": {IDP: {own: f"1;{name};{URI};" for own, name in names.items()}},
    }
    return served(instance.folder, instance.port, {**own, **saml})


def claims(page: Page) -> Mapping[str, str]:
    """The person in the portal's session."""
    session = page.json()
    return {name.replace("pairwise", "pairwise-id"): str(session[name]) for name in ("pairwise", *KEPT) if name in session}
