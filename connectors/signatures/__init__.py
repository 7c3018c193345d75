"""The only verification: what leaves here is `Signed`, and everything is read from those octets alone.

parse.py     limits, and one tree                        xmldsig.py   the numbered plan: `verify`
profile.py   the one profile of SignedInfo that we read   xmlsign.py   enveloped signatures of ours
keys.py      pinned public keys and algorithms            redirect.py  signed queries of ours
signed.py    what comes out                               signer.py    keys that sign, as a Protocol
jws.py, jwk.py                                            JSON Web Signatures and keys
"""
