"""Octets to typed messages and back, without cryptography. The grammars are closed: everything unknown is refused.

grammar.py        reads one element: attributes, children in order, nothing left over
saml.py           reads Response and Assertion      saml_message.py   their types
saml_head.py      root, Issuer and Status of each
authn_request.py  AuthnRequest, both ways           logout.py         single logout, read
metadata.py       SAML metadata, both ways          eidas/            messages between countries' nodes
"""
