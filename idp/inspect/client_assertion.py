"""A client assertion in a file, by the judge that the token endpoint calls: expected by hand, or of a registered client."""

from collections.abc import Sequence

from connectors.client_assertion import ExpectedClientAssertion, judge_client_assertion
from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import MAX_TOKEN, VerificationKey
from idp.application.load import load_all
from idp.inspect.options import Options, could_not, given
from idp.inspect.outcome import Said, Verdict
from idp.inspect.reading import LINE_END, issued_in_token, line, read_keys
from idp.protocols.oidc.client import expected_assertion
from policies.errors import SignatureInvalid
from policies.parties import ClientId


class ClientAssertionInspector:
    """Implements `Inspector`. Raises `BrokerError` where the keys cannot be used."""

    limit = MAX_TOKEN + LINE_END
    public = "This client could not be authenticated."
    not_checked = ("one-time use",)

    def __init__(self, options: Options) -> None:
        self._now = options.now
        if options.party is not None:
            self._keys, self._expected = _registered(options)
            return
        alg = given(options.alg)
        self._keys = read_keys(given(options.jwks), alg)
        self._expected = ExpectedClientAssertion(given(options.client), given(options.audience), alg)

    def inspect(self, octets: bytes, digest: str) -> Verdict:
        """As `Inspector` has it. Its subject is its client."""
        found = judge_client_assertion(line(octets), self._keys, self._expected, self._now)
        said = Said(issuer=found.client_id, subject_format="client", subject=found.client_id, loa=None, attributes={})
        message = {"kind": "client-assertion", "sha256": digest, "kid": found.kid, "ends": found.ends}
        return Verdict(said, message, values={"jti": found.jti})

    def unsigned(self, octets: bytes) -> bool:  # noqa: ARG002 - a token without a signature is no token
        """As `Inspector` has it."""
        return False

    def issued(self, octets: bytes) -> int | None:
        """As `Inspector` has it."""
        return issued_in_token(octets)


def _registered(options: Options) -> tuple[Sequence[VerificationKey], ExpectedClientAssertion]:
    """Of a client of a configuration, by its keys and its one algorithm there. Raises `BrokerError`."""
    settings, configuration, _ = load_all(given(options.config))
    party = configuration.parties.get(ClientId(given(options.party)))
    if party is None or not party.jwks:
        known = ", ".join(name for name, one in configuration.parties.items() if one.jwks) or "none at all"
        raise could_not(f"the configuration has no client {options.party!r} with keys: {known}.")
    alg = party.authentication_alg
    try:
        keys = keys_from_jwks(party.jwks, alg)
    except SignatureInvalid as error:
        raise could_not(f"the keys of {party.client_id} cannot be used: {error.detail}.") from None
    return keys, expected_assertion(party, settings.issuer)
