"""An id_token in a file, held against an expectation by hand, by the judge that a connector calls."""

from connectors.id_token import ExpectedIdToken, judge_id_token
from connectors.signatures.jws import MAX_TOKEN
from connectors.wire.claims import Json
from idp.inspect.options import Options, given
from idp.inspect.outcome import ALWAYS_UNCHECKED, Said, Verdict
from idp.inspect.reading import LINE_END, issued_in_token, line, read_keys, read_side_file


class IdTokenInspector:
    """Implements `Inspector`. Raises `BrokerError` where the keys cannot be used."""

    limit = MAX_TOKEN + LINE_END
    public = ""

    def __init__(self, options: Options) -> None:
        alg = given(options.alg)
        self._keys = read_keys(given(options.jwks), alg)
        access_token = None
        if options.access_token is not None:
            access_token = line(read_side_file(options.access_token, "the access token"))
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

    @property
    def not_checked(self) -> tuple[str, ...]:
        """As `Inspector` has it."""
        expected = self._expected
        open_ends = {
            "nonce": expected.nonce,
            "minimum level": expected.minimum_assurance,
            "authentication age": expected.max_age,
            "access token": expected.access_token,
        }
        return (*ALWAYS_UNCHECKED, *(name for name, value in open_ends.items() if value is None))

    def inspect(self, octets: bytes, digest: str) -> Verdict:
        """As `Inspector` has it."""
        token = judge_id_token(line(octets), self._keys, self._expected, self._now)
        said = Said(
            issuer=token.issuer,
            subject_format="sub",
            subject=token.subject,
            loa=token.loa.label if token.loa is not None else None,
            attributes={name: _values(value) for name, value in token.claims.items()},
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
        return Verdict(said, message, ("access token",) if absent else ())

    def unsigned(self, octets: bytes) -> bool:  # noqa: ARG002 - a token without a signature is no token
        """As `Inspector` has it."""
        return False

    def issued(self, octets: bytes) -> int | None:
        """As `Inspector` has it."""
        return issued_in_token(octets)


def _values(value: Json) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, list) else (value,)
