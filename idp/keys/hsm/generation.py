"""New keys that a token makes in itself, and lets nobody take out."""

import secrets
from contextlib import suppress

from idp.keys.hsm.address import KeyAddress, TokenAddress
from idp.keys.hsm.module import Session, use_token

with suppress(ImportError):  # the extra `hsm`, without which `loading` refuses
    from pkcs11 import Attribute, KeyType, MechanismFlag
    from pkcs11.util.ec import encode_named_curve_parameters

RSA_BITS = 3072
ID_BYTES = 16
# The curve of Ed25519 as PKCS#11 v3.0 §2.3.10 has it: a PrintableString
_EDWARDS = b"\x13\x0cedwards25519"
RSA, P256, ED25519 = "RSA", "P-256", "Ed25519"


def generate(token: TokenAddress, algorithm: str, label: str) -> KeyAddress:
    """Make a key pair (`RSA`, `P-256`, `Ed25519`) in a token; returns its address. Raises `KeysUnavailable`."""
    identifier = secrets.token_bytes(ID_BYTES)

    def act(session: Session) -> None:
        named = {"id": identifier, "label": label, "store": True, "capabilities": MechanismFlag.SIGN | MechanismFlag.VERIFY}
        private = {Attribute.EXTRACTABLE: False, Attribute.SENSITIVE: True}
        if algorithm == RSA:
            session.session.generate_keypair(KeyType.RSA, RSA_BITS, **named, private_template=private)
            return
        kind = KeyType.EC if algorithm == P256 else KeyType.EC_EDWARDS
        curve = encode_named_curve_parameters("secp256r1") if algorithm == P256 else _EDWARDS
        parameters = session.session.create_domain_parameters(kind, {Attribute.EC_PARAMS: curve}, local=True)
        parameters.generate_keypair(**named, private_template=private)

    use_token(token, act, writes=True)
    return KeyAddress(token, label, identifier)
