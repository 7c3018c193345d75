"""The only verification: what leaves here is `Signed`, and everything is read from those octets alone.

parse.py     limits, and one tree                        xmldsig.py   the numbered plan: `verify`
profile.py   the one form of SignedInfo that we read      xmlsign.py   enveloped signatures of ours
algorithms.py, pinned_keys.py  algorithms, public keys   redirect.py  signed queries, ours and others'
shapes.py    where signatures stand in SAML's messages    xmlenc/      encrypted assertions, ours and others'
verification_result.py  what comes out                signer.py     keys that sign and unwrap, as Protocols
second_opinion.py, second_reading.py   libxmlsec and expat judge again what was accepted, in grave places
x509.py, x509_paths.py, x509_lists.py  certificates that must chain to anchors, and what is revoked: it narrows
jws.py, jws_joserfc.py       JSON Web Signatures         jwk.py, jwe.py   their keys; encrypted tokens
"""
