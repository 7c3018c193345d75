"""The identity provider's side of SAML, pure: how attributes are called, and how answers to services are written.

attribute_names  our attributes and forms as names on the wire, and back
answers          signed Responses, with an assertion that is signed and may be encrypted, or a status
statuses         the status pairs of refusals
resolution       who asks for the message of an artifact
own_metadata     what our metadata says to services

Requests are judged in `connectors.authn_request_checks`; `connectors.metadata.pinned_service` reads a service's metadata.
"""
