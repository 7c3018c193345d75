"""An id_token in a file, held against an expectation by hand, by the judge that a connector calls."""

from connectors.id_token import ExpectedIdToken, judge_id_token
from idp.inspect.message_files import TokenInspector, one_line, read_keys, read_side_file
from idp.inspect.options import Options, given
from idp.inspect.result import ALWAYS_UNCHECKED, Accepted, MessageStatement

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
