"""The stable names of more checks of SAML towards identity providers, in the words that logs use."""

from collections.abc import Mapping

# connectors/saml_sp: proxies, and answers that we fetch; the message itself is judged as one that is posted
SERVICE_PROVIDER_CHECKS: Mapping[str, str] = {
    "proxy_count": "the service's request may be handed on",
    "requester_loop": "the service's request came from others than us, through at most 16",
    "scoping": "the service takes an identity provider that the registration of the proxy takes",
    "authority": "the registration, or our request's IDPList, names the one who signed the citizen in behind the provider",
    "authority_count": "no more proxies took part than were asked for",
    "authority_loop": "we are not among those who signed the citizen in",
    "artifact": "SAMLart is one artifact of type 4: 44 octets in canonical base64, of the provider that was asked",
    "artifact_index": "the artifact's index is that of an ArtifactResolutionService in the provider's metadata",
    "artifact_answer": "the provider answers 200, or 500 with a SOAP fault, in XML",
    "artifact_fault": "the provider answers with a message, not with a fault of SOAP",
    "soap": "a SOAP envelope has one body with one message, and no header that has to be understood",
    "artifact_status": "the provider says that it resolved the artifact",
    "artifact_unknown": "the provider has a message for the artifact: it was never asked for it before",
}
