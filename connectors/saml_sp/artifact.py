"""An answer by artifact: the browser brings a name of it, and we fetch it from the provider (SAML Profiles 2.0 §4.1, §5).

The plan. Nothing is sent anywhere before 1 to 3 hold.
 1. The answer is for the provider that this browser's live question was put to.
 2. The artifact is one, and its SourceID is that provider's.
 3. Its index is one of the provider's pinned metadata.
 4. A signed ArtifactResolve goes there over TLS, by the provider's own line (decision 0039).
 5. One SOAP envelope comes back, with an ArtifactResponse to that very request, issued now by that provider.
 6. Its own signature holds, if there is one.
 7. The Response in it is handed out, unverified: it is judged as one that was posted.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.connector import Expectation, Inbound
from connectors.fetch import HttpAnswer
from connectors.formats.artifact import SOAP_HEADERS, in_envelope, read_artifact, read_artifact_response, resolve_element
from connectors.oidc.line import ANSWER_SECONDS, Line
from connectors.profiles import SAML2INT
from connectors.response_checks import check_issued
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.shapes import ARTIFACT_RESPONSE
from connectors.signatures.signer import Signers
from connectors.signatures.xmldsig import verify
from connectors.signatures.xmlsign import sign_enveloped
from connectors.wire.names import SUCCESS
from policies.errors import AssertionRejected, redeeming
from policies.parties import EntityId, ProviderId

# Signature is the second child of an ArtifactResolve, after Issuer
_PLACE = 1
_ID_BYTES = 20
_OK, _FAULT = 200, 500


@dataclass(frozen=True, slots=True)
class Resolver:
    """Resolves the artifacts of one provider. `here` is our entity id, where no body asked."""

    provider_id: ProviderId
    entity_id: EntityId
    services: Mapping[int, str]
    keys: Sequence[PinnedKey] = field(repr=False)
    line: Line
    signer: Signers
    here: str

    def resolve(self, inbound: Inbound, expectation: Expectation, now: int) -> bytes:
        """The octets of a Response that nobody vouches for yet. Raises `AssertionRejected` and `PeerUnavailable`."""
        # 1. to 3.
        text = named_artifact(inbound, self.provider_id, expectation)
        url = resolution_address(text, self.entity_id, self.services)
        # 4.
        request_id = "_" + secrets.token_hex(_ID_BYTES)
        element = resolve_element(request_id, now, url, expectation.speaks_as or self.here, text)
        sent = in_envelope(sign_enveloped(element, self.signer.at(now), place=_PLACE, profile=SAML2INT))
        with self.line.turn(ANSWER_SECONDS) as turn, redeeming():
            answer = turn.ask(url, content=sent, headers=SOAP_HEADERS, soap=True)
            return resolved_message(answer, request_id, self.entity_id, self.keys, now)


def resolution_address(text: str, entity_id: str, services: Mapping[int, str]) -> str:
    """The address at which an artifact of this provider is resolved (2. and 3.). Raises `AssertionRejected`."""
    artifact = read_artifact(text)
    if not artifact.is_of(entity_id):
        raise AssertionRejected("artifact", "an artifact of another identity provider than was asked")
    url = services.get(artifact.index)
    if not url:
        raise AssertionRejected("artifact_index", "an artifact of a resolution service that the metadata does not have")
    return url


def resolved_message(answer: HttpAnswer, request_id: str, entity_id: str, keys: Sequence[PinnedKey], now: int) -> bytes:
    """The octets of the Response in a provider's answer (5. to 7.). Raises `AssertionRejected`."""
    # 5.
    if answer.status not in (_OK, _FAULT):
        raise AssertionRejected("artifact_answer", f"the provider answers {answer.status}")
    found = read_artifact_response(answer.body)
    if found.issuer != entity_id:
        raise AssertionRejected("issuer", "an ArtifactResponse of another issuer")
    if found.in_response_to != request_id:
        raise AssertionRejected("in_response_to", "an ArtifactResponse to another request, or to none")
    check_issued(found.issue_instant, now, "response_issued", SAML2INT)
    # 6.
    if found.signed:
        verify(found.octets, keys, ARTIFACT_RESPONSE, SAML2INT)
    if found.status != SUCCESS:
        raise AssertionRejected("artifact_status", "the provider did not resolve the artifact")
    # 7.
    if not found.message:
        raise AssertionRejected("artifact_unknown", "an artifact that the provider does not know, or no more")
    return found.message


def named_artifact(inbound: Inbound, provider_id: ProviderId, expectation: Expectation) -> str:
    """The artifact's text as it came, by a link or a form: for the provider that was asked, and no message beside it."""
    if expectation.provider_id != provider_id:
        raise AssertionRejected("provider", "an answer from another identity provider than was asked")
    if not {"SAMLart"} <= set(inbound.parameters) <= {"SAMLart", "RelayState"}:
        raise AssertionRejected("parameters", "not exactly a SAMLart and a RelayState")
    return inbound.parameters["SAMLart"]
