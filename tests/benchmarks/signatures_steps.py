"""What each step of a verification costs, one by one: `steps(world)`.

Alone and again and again, a step costs less than in its place, where the others have taken the caches: the sum is smaller
than the whole.
"""

import hashlib
from collections.abc import Callable

from connectors.formats.saml import read_signed_response
from connectors.formats.saml_usual import usual_response
from connectors.profiles import SAML2INT
from connectors.saml import RESPONSE
from connectors.signatures.parse import canonical, from_post, ids, parse_canonical, parse_message
from connectors.signatures.profile import SIGNATURE, judge_signed_info, octets_of
from connectors.signatures.signed import Signed, SignedMessage
from connectors.signatures.xmldsig import cut, verify
from tests.benchmarks.signatures_made import World, posted

NAME = "step: "


def steps(world: World) -> dict[str, Callable[[], object]]:
    """Each step on the ordinary message, by its name."""
    message, parameter = world.message, posted(world.message).parameters["SAMLResponse"]
    root = parse_canonical(message)
    signature = root.find(SIGNATURE)
    whole = verify(message, world.keys, RESPONSE, SAML2INT)
    if signature is None or not isinstance(whole, SignedMessage):
        raise TypeError("a message that nobody signed")
    info, signed, key = canonical(signature[0]), whole.signed, world.keys[0]
    said, value = judge_signed_info(info, SAML2INT), octets_of(signature[1], "signature_value")
    without = parse_canonical(message)
    cut(without, without[1])

    def read_otherwise() -> object:
        octets = signed.octets.replace(b">EE<", b">&#69;E<")
        return read_signed_response(Signed(octets=octets, key_id=""))

    return {
        f"{NAME}{name}": call
        for name, call in {
            "base64 of the parameter": lambda: from_post(parameter),
            "libxml2 parses": lambda: parse_canonical(message),
            "octets scanned, parsed and measured (rules 1 to 4)": lambda: parse_message(message),
            "identifiers": lambda: ids(root),
            "exclusive C14N of SignedInfo": lambda: canonical(signature[0]),
            "SignedInfo judged (rule 6)": lambda: judge_signed_info(info, SAML2INT),
            "signature verified (rule 7)": lambda: key.verifies(said.algorithm, value, info),
            "exclusive C14N of the message (rule 8)": lambda: canonical(without),
            "SHA-256 of it": lambda: hashlib.sha256(signed.octets).digest(),
            "all of the verification": lambda: verify(message, world.keys, RESPONSE, SAML2INT),
            "a usual message read": lambda: usual_response(signed.octets),
            "another message parsed again and read": read_otherwise,
        }.items()
    }
