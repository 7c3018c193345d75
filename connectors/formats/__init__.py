"""Bytes to typed messages and back, no cryptography: a closed grammar, where what is unknown refuses.

grammar.py        reads one element: attributes, children in order, nothing left over
saml.py           Response and Assertion, read      authn_request.py  AuthnRequest, written
metadata.py       SAML metadata, both ways          names.py          namespaces and URIs
claims.py         JSON of tokens
eidas/            messages between countries' nodes
"""
