"""Signed queries of the HTTP-Redirect binding (SAML Bindings 2.0 §3.4.4.1)."""

import base64
import zlib
from urllib.parse import quote

from connectors.profiles import Profile
from connectors.signatures.signer import Signer, algorithm_for


def signed_query(parameter: str, message: bytes, relay_state: str, signer: Signer, profile: Profile) -> str:
    """`SAMLRequest=…&RelayState=…&SigAlg=…&Signature=…`: the signature is over the encoded text before it.

    `message` is XML without a Signature inside; it travels as base64 of raw DEFLATE (RFC 1951). RelayState is left out,
    and not signed, where it is empty.
    """
    algorithm = algorithm_for(signer, profile)
    deflater = zlib.compressobj(level=9, wbits=-zlib.MAX_WBITS)
    deflated = deflater.compress(message) + deflater.flush()
    pairs = [(parameter, base64.b64encode(deflated).decode())]
    if relay_state:
        pairs.append(("RelayState", relay_state))
    pairs.append(("SigAlg", algorithm.uri))
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs)
    signature = base64.b64encode(signer.sign(query.encode("ascii"), algorithm)).decode()
    return f"{query}&Signature={quote(signature, safe='')}"
