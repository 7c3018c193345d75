"""Every key of a run, made anew: the parties' own, ours, and a stranger's."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.attacks.keys import Holder, certified, ec_holder, rsa_holder

CURVES: Mapping[str, ec.EllipticCurve] = {
    "p-256": ec.SECP256R1(),
    "p-384": ec.SECP384R1(),
    "p-521": ec.SECP521R1(),
    "brainpool-p256r1": ec.BrainpoolP256R1(),
    "brainpool-p384r1": ec.BrainpoolP384R1(),
    "brainpool-p512r1": ec.BrainpoolP512R1(),
}
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Keys:
    """Every key of a run. `on` is the node's on each curve, `ours_on` ours, to which a node encrypts."""

    now: int
    idp: Holder
    next_idp: Holder
    second: Holder
    stranger: Holder
    node: Holder
    ended: Holder
    ours: Holder
    ours_older: Holder
    own: Holder
    our_node: Holder
    on: Mapping[str, Holder]
    ours_on: Mapping[str, Holder]

    @cached_property
    def public(self) -> Mapping[str, bytes]:
        """The identity provider's public key in each form that a confused verifier could take for a secret."""
        key = self.idp.key.public_key()
        info = PublicFormat.SubjectPublicKeyInfo
        return {
            "pem": key.public_bytes(Encoding.PEM, info),
            "der": key.public_bytes(Encoding.DER, info),
            "certificate": self.idp.certificate,
        }


def make_keys(now: int) -> Keys:
    """All keys anew; `now` in seconds since the epoch. Their certificates hold for a year before and after it."""
    moment = datetime.fromtimestamp(now, UTC)
    ended = ec_holder("ee.selftest.example", now, ec.SECP256R1())
    past = certified(ended.key, "ee.selftest.example", moment - 30 * _DAY, moment - _DAY)
    return Keys(
        now=now,
        idp=rsa_holder("idp.selftest.example", now),
        next_idp=rsa_holder("idp.selftest.example", now),
        second=rsa_holder("second.selftest.example", now),
        # The name of whom it would like to be: a certificate that looks like the genuine one
        stranger=rsa_holder("idp.selftest.example", now, 3072),
        node=rsa_holder("ee.selftest.example", now, 3072),
        ended=replace(ended, certificate=past),
        ours=rsa_holder("broker.selftest.example", now),
        ours_older=rsa_holder("broker.selftest.example", now),
        # Of the one provider that may send AES-CBC
        own=rsa_holder("broker.selftest.example", now),
        our_node=rsa_holder("broker.selftest.example", now, 3072),
        on={name: ec_holder("ee.selftest.example", now, curve) for name, curve in CURVES.items()},
        ours_on={name: ec_holder("broker.selftest.example", now, curve) for name, curve in CURVES.items()},
    )
