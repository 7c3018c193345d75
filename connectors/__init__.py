"""FLOOR 1: how we ask identity providers and hear back. May import `policies`, nothing of `idp`.

connector.py        the shapes that every connector shares: Ask, Expectation, Inbound, Outbound, Connector
saml_sp/            SAML 2.0 as a service provider: `SamlConnector`, our metadata
eidas.py            another country's node, asked as a receiving node: `EidasConnector`; eidas_checks.py holds its rules
id_token.py         an id_token, judged; so client_assertion.py, logout_token.py; registered_claims.py is what they share
response_checks.py  the checks of an answer's meaning, each under its own name
signed_messages.py  requests and logout through a browser, signed as a whole, by POST or by Redirect: octets to `Signed`
request_checks.py   what another country's node must ask; authn_request_checks.py: a service provider of SAML
logout_checks.py    single logout of SAML
checks.py           all names of checks, in words
mapping.py          wire attributes to what a person is offered with
metadata/           whom we know: identity providers pinned in files, other countries' nodes by signed metadata
addresses.py        which addresses may be asked; fetch.py, the only outbound HTTP, asks them
signatures/         the only verification
formats/            bytes to typed messages and back
"""
