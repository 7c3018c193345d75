"""Tokens in files, by the judges that a login calls: an id_token, and a client's assertion."""

from collections.abc import Sequence

from connectors.client_assertion import ExpectedClientAssertion, judge_client_assertion
from connectors.id_token import ExpectedIdToken, judge_id_token
from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import VerificationKey
from idp.application.load import load_all
from idp.inspect.message_files import TokenInspector, one_line, read_keys, read_side_file
from idp.inspect.options import Options, could_not, given
from idp.inspect.result import ALWAYS_UNCHECKED, Accepted, MessageStatement
from idp.protocols.oidc.client import expected_assertion
from policies.errors import SignatureInvalid
from policies.parties import ClientId

# By the word for a check that was not made: the option without which nothing is expected
OPEN_ENDS = {
    "nonce": "nonce",
    "minimum level": "minimum_loa",
    "authentication age": "max_age",
    "access token": "access_token",
}


class IdTokenInspector(TokenInspector):
    """Inspects id_tokens. Raises `BrokerError` where the keys cannot be used."""

    def __init__(self, options: Options) -> None:
        alg = given(options.alg)
        self._keys = read_keys(given(options.jwks), alg)
        access_token = None
        if options.access_token is not None:
            access_token = one_line(read_side_file(options.access_token, "the access token"))
        self._now = options.now
        self._expected = ExpectedIdToken(
            issuer=given(options.issuer),
            client_id=given(options.audience),
            alg=alg,
            nonce=options.nonce,
            minimum_assurance=options.minimum_loa,
            max_age=options.max_age,
            access_token=access_token,
        )
        self.not_checked = (*ALWAYS_UNCHECKED, *options.left_open(OPEN_ENDS))

    def inspect(self, octets: bytes, digest: str) -> Accepted:
        """See `Inspector`."""
        token = judge_id_token(one_line(octets), self._keys, self._expected, self._now)
        statement = MessageStatement(
            issuer=token.issuer,
            subject_format="sub",
            subject=token.subject,
            loa=token.loa.label if token.loa is not None else None,
            attributes={
                name: tuple(value) if isinstance(value, list) else (value,) for name, value in token.claims.items()
            },
        )
        message: dict[str, object] = {
            "kind": "id-token",
            "sha256": digest,
            "kid": token.kid,
            "issued": token.issued_at,
            "ends": token.ends,
            "authenticated": token.authenticated_at,
        }
        absent = self._expected.access_token is not None and not token.bound_to_access_token
        return Accepted(statement, message, ("access token",) if absent else ())


class ClientAssertionInspector(TokenInspector):
    """Inspects client assertions. Raises `BrokerError` where the keys cannot be used."""

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

    def inspect(self, octets: bytes, digest: str) -> Accepted:
        """See `Inspector`. The subject is the client."""
        found = judge_client_assertion(one_line(octets), self._keys, self._expected, self._now)
        statement = MessageStatement(found.client_id, "client", found.client_id, None, {})
        message = {"kind": "client-assertion", "sha256": digest, "kid": found.kid, "ends": found.ends}
        return Accepted(statement, message, values={"jti": found.jti})


def _registered(options: Options) -> tuple[Sequence[VerificationKey], ExpectedClientAssertion]:
    """The keys and the expectation of a client of a configuration. Raises `BrokerError`."""
    settings, configuration, _ = load_all(given(options.config))
    party = configuration.parties.get(ClientId(given(options.party)))
    if party is None or not party.jwks:
        known = ", ".join(name for name, one in configuration.parties.items() if one.jwks) or "none at all"
        raise could_not(f"the configuration has no client {options.party!r} with keys: {known}.")
    try:
        keys = keys_from_jwks(party.jwks, party.authentication_alg)
    except SignatureInvalid as error:
        raise could_not(f"the keys of {party.client_id} cannot be used: {error.detail}.") from None
    return keys, expected_assertion(party, settings.issuer)
