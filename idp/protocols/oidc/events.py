"""Security event tokens (RFC 8417): what a person took back on their page, pushed to the service (RFC 8935).

    {"iss", "aud": client_id, "iat": when the person did it, "jti": the record of it,
     "sub_id": {"format": "iss_sub", "iss", "sub"},                                   RFC 9493 §3.2.2
     "events": {TYPE: {"event_timestamp", "initiating_entity": "user", "purpose"}}}

A sign-in that the person did not make is CAEP's `session-revoked`. No registered profile has events for a withdrawn consent
or an objection (RISC 1.0, CAEP 1.0), so those two types are ours. The token is the same at each try, but for its
signature: the service knows by `jti` what it has taken already.
"""

from collections.abc import Mapping

from connectors.fetch import Fetcher
from connectors.signatures.jws import sign
from connectors.signatures.signer import Signers
from connectors.wire.claims import Json
from idp.ledger.person_records import DISOWNED, OBJECTION, WITHDRAWAL
from idp.store.records.own_acts import OwnAct, OwnActs
from policies.parties import RelyingParty

TYPES: Mapping[str, str] = {
    WITHDRAWAL: "urn:ciconia:event:consent-withdrawn",
    OBJECTION: "urn:ciconia:event:objection",
    DISOWNED: "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
}
MEDIA_TYPE = "application/secevent+jwt"
# RFC 8935 §2.2: the one status of an event that was taken
TAKEN = 202
POST_SECONDS, MAX_ANSWER = 5.0, 64 * 1024


class Events:
    """One tenant's, for one configuration."""

    def __init__(self, issuer: str, signers: Mapping[str, Signers], acts: OwnActs, fetcher: Fetcher) -> None:
        self._issuer, self._signers, self._acts, self._fetcher = issuer, signers, acts, fetcher

    def push(self, party: RelyingParty, record: bytes, now: int) -> str:
        """Tell a service of an act. Returns why it did not take it: a check of ours or a status, no text of theirs.

        Raises `NotFound` where the act was erased meanwhile, and `FetchError`.
        """
        choices = party.openid.logout
        token = self.token(party, self._acts.read(record), record, now)
        headers = {"Content-Type": MEDIA_TYPE, "Accept": "application/json"}
        with self._fetcher.channel(choices.backchannel_networks, connections=1, keep=False) as channel:
            answer = channel.ask(
                choices.events_uri,
                content=token.encode(),
                headers=headers,
                limit=MAX_ANSWER,
                timeout=POST_SECONDS,
            )
        return "" if answer.status == TAKEN else f"status {answer.status}"

    def token(self, party: RelyingParty, act: OwnAct, record: bytes, now: int) -> str:
        """The token of an act, signed by the key of the moment."""
        event: dict[str, Json] = {"event_timestamp": act.time, "initiating_entity": "user", "purpose": act.purpose}
        claims: dict[str, Json] = {
            "iss": self._issuer,
            "aud": party.client_id,
            "iat": act.time,
            "jti": record.hex(),
            "sub_id": {"format": "iss_sub", "iss": self._issuer, "sub": act.sub},
            "events": {TYPES[act.kind]: event},
        }
        return sign(claims, self._signers[party.id_token_alg].at(now), alg=party.id_token_alg, typ="secevent+jwt")
