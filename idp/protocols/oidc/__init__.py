"""OpenID Connect: requests, tokens, claims and metadata. Its frontend is `provider`."""
