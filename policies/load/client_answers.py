"""The keys of a registration about answers and defaults, read into `policies.registrations.client_answers`.

userinfo_signed_response_alg = "ES256"
userinfo_encrypted_response_alg = "ECDH-ES"
userinfo_encrypted_response_enc = "A256GCM"
default_max_age = 300
"""

from collections.abc import Iterable, Mapping

from policies.assurance.ladders import Vocabulary, asked_level
from policies.load.redirects import fault_of_address
from policies.load.table import Table
from policies.registrations.client_answers import ClientAnswers, ResponseEncryption

SIGNING = ("ES256", "RS256")
# Algorithm -> the key type that it needs (RFC 7518 §4.1). RSA 1.5 is an oracle; a shared secret would be one that we keep
KEY_TYPES: Mapping[str, str] = {"ECDH-ES": "EC", "ECDH-ES+A128KW": "EC", "ECDH-ES+A256KW": "EC", "RSA-OAEP-256": "RSA"}
CONTENTS = ("A128GCM", "A256GCM")
CURVES = frozenset({"P-256", "P-384"})
LONGEST_MAX_AGE = 365 * 24 * 3600


def read_client_answers(table: Table, known: Vocabulary) -> ClientAnswers:
    """The answers of one client. Problems go to the table's list."""
    answers = ClientAnswers(
        userinfo_alg=table.choice("userinfo_signed_response_alg", {alg: alg for alg in SIGNING}, "", required=False),
        userinfo_encryption=_encryption(table, "userinfo"),
        id_token_encryption=_encryption(table, "id_token"),
        require_auth_time=table.flag("require_auth_time"),
        default_max_age=_default_max_age(table),
        default_acr_values=_default_acr_values(table, known),
        sector_identifier_uri=_sector_identifier_uri(table),
    )
    if answers.userinfo_encryption and not answers.userinfo_alg:
        fix = 'write userinfo_signed_response_alg = "ES256", too: anybody can encrypt to a public key.'
        table.problem("userinfo_encrypted_response_alg", "encrypts what nobody has signed.", fix)
    return answers


def fault_of_encryption_keys(keys: Iterable[Mapping[str, object]], algorithms: Iterable[str]) -> str:
    """The algorithm for which no key of a JWKS is meant, as a sentence; "" where each has one."""
    listed = tuple(keys)
    for alg in algorithms:
        if not any(_is_for(key, alg) for key in listed):
            return f'holds no key for {alg} with "use": "enc".'
    return ""


def _is_for(key: Mapping[str, object], alg: str) -> bool:
    fits = key.get("kty") == KEY_TYPES[alg] and (KEY_TYPES[alg] == "RSA" or key.get("crv") in CURVES)
    return fits and key.get("use") == "enc" and key.get("alg", alg) == alg


def _encryption(table: Table, of: str) -> ResponseEncryption | None:
    alg_key, enc_key = f"{of}_encrypted_response_alg", f"{of}_encrypted_response_enc"
    alg = table.choice(alg_key, {alg: alg for alg in KEY_TYPES}, "", required=False)
    # The standard's own default is AES-CBC, which we do not offer: so it is never left out
    enc = table.choice(enc_key, {enc: enc for enc in CONTENTS}, "", required=alg_key in table)
    if enc_key in table and alg_key not in table:
        table.problem(enc_key, f"stands without {alg_key}.", "write both, or leave out both.")
    return ResponseEncryption(alg, enc) if alg and enc else None


def _default_max_age(table: Table) -> int | None:
    # 0 is a wish, too: to be asked each time
    if table.take("default_max_age") == 0:
        return 0
    found = table.seconds("default_max_age", 0, most=LONGEST_MAX_AGE)
    return found or None


def _default_acr_values(table: Table, known: Vocabulary) -> tuple[str, ...]:
    fix = 'write default_acr_values = ["http://eidas.europa.eu/LoA/high"].'
    values = table.texts("default_acr_values", fix, required="default_acr_values" in table)
    for index, value in enumerate(values):
        if asked_level(value, known) is None:
            table.problem("default_acr_values", f"{value!r} is no level that we know.", fix, str(index))
    return values


def _sector_identifier_uri(table: Table) -> str:
    fix = "write the https address of the JSON list of redirect addresses, or leave it out."
    uri = table.text("sector_identifier_uri", fix, default="")
    # OpenID Connect Core §8.1: https alone; loopback is for practice
    if uri and (fault := fault_of_address(uri)):
        table.problem("sector_identifier_uri", f"{uri!r} {fault}", fix)
        return ""
    return uri
