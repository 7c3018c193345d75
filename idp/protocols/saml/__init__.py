"""SAML towards identity providers: our own metadata, and the guard of a provider that needs AES-CBC."""
