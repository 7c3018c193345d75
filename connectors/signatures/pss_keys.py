"""Keys for RSASSA-PSS alone (RFC 4055 §3.1): what an SPKI of id-RSASSA-PSS lets its key verify.

    SEQUENCE { SEQUENCE { OID 1.2.840.113549.1.1.10, parameters or nothing }, BIT STRING }

pyca loads such a key as any other of RSA: a signature of PKCS#1 v1.5 would hold, against the will of the key's owner.
The parameters of a key bind a signature's hash, that of MGF1, and its shortest salt. A key without any is bound to PSS.
"""

from dataclasses import dataclass

from asn1crypto.keys import PublicKeyInfo

OID = "1.2.840.113549.1.1.10"
# asn1crypto reads late, and may raise any of these for hostile ASN.1
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class PssOnly:
    """The names of both hashes, "" for any, and the shortest salt in octets."""

    digest: str = ""
    mask: str = ""
    salt: int = 0

    def allows(self, digest: str, mask: str, salt: int) -> bool:
        """Whether a signature of PSS with these parameters may hold."""
        return self.digest in ("", digest) and self.mask in ("", mask) and salt >= self.salt


def bound_by(spki: PublicKeyInfo) -> PssOnly:
    """How an SPKI of id-RSASSA-PSS binds its key. ValueError for parameters that cannot be read, or that nobody has."""
    try:
        algorithm = spki["algorithm"]
        if algorithm["parameters"].native is None:
            return PssOnly()
        parameters = algorithm["parameters"]
        generator = parameters["mask_gen_algorithm"]
        found = PssOnly(
            parameters["hash_algorithm"]["algorithm"].native,
            generator["parameters"]["algorithm"].native,
            parameters["salt_length"].native,
        )
        named = generator["algorithm"].native, parameters["trailer_field"].native
    except UNREADABLE:
        raise ValueError("a key for RSASSA-PSS whose parameters cannot be read") from None
    if named != ("mgf1", "trailer_field_bc"):
        raise ValueError("a key for RSASSA-PSS with another mask or trailer than there is")
    return found
