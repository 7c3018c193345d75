"""What a registration brings: keys, metadata and settings that must be refused, and those that must be taken.

making.py      a case
key_sets.py    JWKS
one_key.py     a key or a certificate by itself
odd_certificates.py  certificates with faults that deployed nodes have, and keys for RSASSA-PSS alone
weak_keys.py   RSA keys that anybody breaks
shared_factors.py  metadata with keys that share a prime with ours
described.py   metadata as text, signed or not
entrances.py   who judges metadata
signed.py      signed metadata: who signed it, and what of it
contents.py    signed metadata: what it says, and until when
pinned.py      metadata that an operator pinned
setting_up.py  registrations that cannot work
keyless.py     verification without keys, and messages that come in another way
"""

from connectors.attacks.registrations.cases import registration_cases

__all__ = ["registration_cases"]
