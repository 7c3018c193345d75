"""The shapes of the messages of SAML, for `xmldsig.verify`."""

from dataclasses import replace

from connectors.signatures.parse import SIGNED_METADATA
from connectors.signatures.xmldsig import Shape
from connectors.wire.names import listed, md, saml, samlp

# A request by POST (SAML Core 2.0 §3.4.1)
REQUEST = Shape(root=samlp("AuthnRequest"), issuer=saml("Issuer"))

# One over STORK: the certificates of a service that a middleware may be told are no signatures
STORK_REQUEST = replace(REQUEST, described="{urn:eu:stork:names:tc:STORK:1.0:protocol}SPInformation")

# An answer over SOAP with a Response in it (§3.5.2), which is verified by itself
ARTIFACT_RESOLVE = Shape(root=samlp("ArtifactResolve"), issuer=saml("Issuer"))
ARTIFACT_RESPONSE = Shape(root=samlp("ArtifactResponse"), issuer=saml("Issuer"), carried=samlp("Response"))

# Single logout by POST (§3.7)
LOGOUT_REQUEST = Shape(root=samlp("LogoutRequest"), issuer=saml("Issuer"))
LOGOUT_RESPONSE = Shape(root=samlp("LogoutResponse"), issuer=saml("Issuer"))

# A response of an identity provider: it is signed, or its one assertion, or both
RESPONSE = Shape(
    root=samlp("Response"),
    inner=saml("Assertion"),
    issuer=saml("Issuer"),
    several="one_assertion",
    absent={saml("EncryptedAssertion"): "encrypted_assertion"},
)
# Where we have a key to which assertions are encrypted: the Response around them must be signed, for anybody can encrypt
OR_ENCRYPTED = replace(RESPONSE, opaque=saml("EncryptedAssertion"), absent={})

# A response whose assertion is encrypted, as eIDAS has it: nothing in it is signed but the whole
ENCRYPTED_RESPONSE = Shape(
    root=samlp("Response"),
    issuer=saml("Issuer"),
    opaque=saml("EncryptedAssertion"),
    absent={saml("Assertion"): "plain_assertion"},
)

# A decrypted assertion, which stands alone and may have a Signature of its own
ASSERTION = Shape(root=saml("Assertion"), issuer=saml("Issuer"), absent={saml("Assertion"): "one_assertion"})

# The signed metadata of one entity (SAML Metadata 2.0 §2.3.2): the Signature is the first child
METADATA = Shape(
    root=md("EntityDescriptor"),
    described=md("KeyDescriptor"),
    absent={md("EntityDescriptor"): "structure", md("EntitiesDescriptor"): "structure"},
    whole=True,
    limits=SIGNED_METADATA,
)

# A list of nodes and of whose keys sign their metadata (eidas-metadata-servicelist-1.0): the Signature is the last child
SERVICE_LIST = Shape(
    root=listed("MetadataServiceList"),
    described=listed("MetadataLocation"),
    absent={listed("MetadataServiceList"): "structure"},
    whole=True,
    last=True,
    limits=SIGNED_METADATA,
)
