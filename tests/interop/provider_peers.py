"""The SAML identity providers of `make interop`: what each is, how it is registered, and which faults are its own."""

from tests.interop.peer import Peer

PROVIDERS: tuple[Peer, ...] = ()
