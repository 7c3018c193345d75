"""FLOOR 1: how we ask identity providers and hear back. May import `policies`, nothing of `idp`."""
