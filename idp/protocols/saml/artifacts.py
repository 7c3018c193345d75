"""Answers by artifact: the browser carries a handle, and the service fetches its answer once (SAML Bindings 2.0 §3.6).

What was released lies parked under the handle, sealed, for a minute, as under a code of OpenID Connect. Nobody but the
service of the sign-in takes it: to anybody else an artifact of another's is as one that there is not, and stays.
"""

import hashlib
from collections.abc import Callable

from connectors.formats.artifact import HANDLE_OCTETS, handle_of, in_envelope, response_element, written_artifact
from connectors.formats.saml_response import RESPONSE_SIGNATURE_PLACE, ResponseHead, message_id
from connectors.profiles import SAML2INT
from connectors.saml_idp.resolution import judged_resolve
from connectors.signatures.xmlsign import sign_enveloped
from idp.ledger.ledger_keys import mac
from idp.login.ended_persons import person_ended
from idp.login.sessions import signed_out
from idp.login.states import GRANT, Grant, Released
from idp.ports import Mark, ParkedRow, Unit
from idp.protocols.saml.parts import SamlParts
from idp.protocols.saml.services import Services
from idp.system.addresses import idp_entity_id, resolution_url
from policies.errors import AssertionRejected, Conflict, NotFound, RequestRefused
from policies.parties import ClientId
from policies.release import may_still_go

KIND = "artifact"
LIFE = 60


class Artifacts:
    """One tenant's. `respond` makes the Response of a grant, by a key of 32 octets for its ids, and the time."""

    def __init__(self, parts: SamlParts, services: Services, respond: Callable[[Grant, bytes, int], bytes]) -> None:
        self._parts, self._services, self._respond = parts, services, respond
        self._entity_id, self._url = idp_entity_id(parts.issuer), resolution_url(parts.issuer)

    def written(self, released: Released) -> str:
        """The artifact of a release."""
        return written_artifact(self._entity_id, _handle(released))

    def parked(self, released: Released, now: int) -> ParkedRow:
        """The row that it stands for."""
        return self._parts.sealer.park(KIND, _handle(released), GRANT.dump(released.grant), now + LIFE)

    def resolved(self, octets: bytes, certificate: bytes, now: int) -> bytes:
        """The answer to a SOAP envelope. Raises `AssertionRejected` for whoever does not prove to be a service."""
        asked = judged_resolve(octets, self._services.keys, certificate, self._url, now)
        message = self._message(asked.artifact, asked.issuer, now)
        head = ResponseHead(message_id(b"", ""), now, "", asked.request_id, self._entity_id)
        root = response_element(head, message)
        signer = self._parts.signer.at(now)
        return in_envelope(sign_enveloped(root, signer, place=RESPONSE_SIGNATURE_PLACE, profile=SAML2INT))

    def _message(self, artifact: str, asker: str, now: int) -> bytes:
        """The Response that an artifact stands for; b"" where there is none for this service, or no more."""
        try:
            handle = handle_of(artifact)
            digest = hashlib.sha256(handle).digest()
            row = self._parts.parked.parked(self._parts.tenant, KIND, digest, now)
            grant = GRANT.load(self._parts.sealer.unpark(KIND, handle, row, now))
            if grant.origin.issuer != asker:
                return b""
            mark = Mark(KIND, digest, now + 2 * LIFE)
            self._parts.commits.commit(Unit(tenant=self._parts.tenant, marks=(mark,), removed=(digest,)))
            return self._respond(grant, mac(handle, b"artifact"), now) if self.holds(grant, now) else b""
        except (NotFound, Conflict, AssertionRejected, RequestRefused):
            return b""

    def holds(self, grant: Grant, now: int) -> bool:
        """Whether what was released may still go: what is parked is a remembered fact, no permission."""
        party = self._parts.parties.get(ClientId(grant.origin.service))
        purpose = self._parts.purposes.get(grant.purpose_id)
        if party is None or purpose is None or grant.purpose_id not in party.purposes:
            return False
        parked, tenant = self._parts.parked, self._parts.tenant
        if signed_out(parked, tenant, grant, now) or person_ended(parked, tenant, grant, now):
            return False
        if self._parts.lapsed(grant, now):
            return False
        goes = may_still_go(grant.attributes, purpose, party, self._parts.catalogue)
        return goes and self._parts.vouched(grant.provider_id, now) and not self._parts.ended(grant)


def _handle(released: Released) -> bytes:
    return mac(released.answer_key, b"artifact")[:HANDLE_OCTETS]
