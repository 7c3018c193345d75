"""A client assertion in a file, held against an expectation by hand, by the judge that the token endpoint calls."""

from connectors.client_assertion import ExpectedClientAssertion, judge_client_assertion
from connectors.signatures.jws import MAX_TOKEN
from idp.inspection.options import Options, given
from idp.inspection.outcome import Said, Verdict
from idp.inspection.reading import LINE_END, line, read_keys


class ClientAssertionInspector:
    """Implements `Inspector`. Raises `BrokerError` where the keys cannot be used."""

    limit = MAX_TOKEN + LINE_END
    public = "This client could not be authenticated."
    not_checked = ("one-time use",)

    def __init__(self, options: Options) -> None:
        alg = given(options.alg)
        self._keys = read_keys(given(options.jwks), alg)
        self._expected = ExpectedClientAssertion(given(options.client), given(options.audience), alg)
        self._now = options.now

    def inspect(self, octets: bytes, digest: str) -> Verdict:
        """As `Inspector` has it. Its subject is its client."""
        found = judge_client_assertion(line(octets), self._keys, self._expected, self._now)
        said = Said(issuer=found.client_id, subject_format="client", subject=found.client_id, loa=None, attributes={})
        message = {"kind": "client-assertion", "sha256": digest, "kid": found.kid, "ends": found.ends}
        return Verdict(said, message, values={"jti": found.jti})

    def unsigned(self, octets: bytes) -> bool:  # noqa: ARG002 - a token without a signature is no token
        """As `Inspector` has it."""
        return False
