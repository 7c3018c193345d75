"""Messages by POST-SimpleSign (SAML V2.0 HTTP POST "SimpleSign" Binding 1.0 §2.4): a form, its signature in a field.

    SAMLRequest=<XML as it is>&RelayState=value&SigAlg=value

The signature covers this text: the XML itself, not its base64, and no escapes. KeyInfo beside it is a hint that we skip.
"""

from collections.abc import Mapping, Sequence

from connectors.profiles import Profile
from connectors.signatures.parse import from_post, strict_base64
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.redirect import detached_algorithm, unsigned_inside, verifying_key
from connectors.signatures.verification_result import Signed
from policies.errors import AssertionRejected, SignatureInvalid

_BESIDE = frozenset({"RelayState", "SigAlg", "Signature", "KeyInfo"})


def verify_form(
    fields: Mapping[str, str], parameter: str, keys: Sequence[PinnedKey], profile: Profile
) -> tuple[Signed, str]:
    """Verify a form: the message and its RelayState. The plan is that of `redirect.verify_query`, which raises alike."""
    # 1. Each field once, as whoever parsed the form has seen to.
    if parameter not in fields or not {parameter, *_BESIDE}.issuperset(fields):
        raise AssertionRejected("parameters", f"not exactly a {parameter} and its signature")
    if "SigAlg" not in fields or "Signature" not in fields:
        raise SignatureInvalid("signature_missing", "a form that nobody signed")
    # 2. The algorithm.
    algorithm = detached_algorithm(fields["SigAlg"], profile)
    # 3. The signature, over the octets that are read.
    octets = from_post(fields[parameter])
    relayed = f"&RelayState={fields['RelayState']}" if "RelayState" in fields else ""
    covered = parameter.encode() + b"=" + octets + f"{relayed}&SigAlg={fields['SigAlg']}".encode()
    try:
        value = strict_base64("".join(fields["Signature"].split()))
    except ValueError:
        raise AssertionRejected("signature_value", "a signature that is not base64") from None
    key = verifying_key(keys, profile, algorithm, value, covered)
    # 5. and 6. One tree, and the octets that are read.
    return unsigned_inside(octets, key), fields.get("RelayState", "")
