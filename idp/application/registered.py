"""Clients that registered themselves, as one worker serves them: it looks twice a second, and composes its site anew."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from idp.changes.in_force import InForce
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.provider import OpenIDProvider
from idp.protocols.oidc.registration import Registrations
from idp.store.registered_clients import ClientRegister, StoredClient
from idp.system.logs import log_of
from policies.catalogue import Catalogue
from policies.errors import Misconfigured
from policies.load import Configuration
from policies.load.registered import read_registered, with_registered
from policies.parties import RelyingParty, Tenant


class RegisteredClients:
    """One worker's. `register` is None where no service may register itself: then nothing is added to anything."""

    def __init__(self, register: ClientRegister | None, tenant: Tenant) -> None:
        self.register, self._tenant = register, tenant
        self._rows: Sequence[tuple[str, bytes]] = ()
        self._version: Sequence[tuple[str, str]] = []
        self._stored: Sequence[StoredClient] = ()
        self._read: tuple[Catalogue | None, Sequence[RelyingParty]] = (None, ())
        self.look(lambda: None)

    def look(self, take_up: Callable[[], None]) -> None:
        """Read the clients again if a row has changed, and `take_up` them if what counts did. Raises what that does.

        A client may have a new token, or propose something, as often as it likes: it costs no worker a new site.
        """
        if self.register is None or (rows := self.register.version()) == self._rows:
            return
        stored = self.register.clients()
        if (version := [(one.client_id, one.metadata) for one in stored]) != self._version:
            before = self._stored, self._read
            self._stored, self._read = stored, (None, ())
            try:
                take_up()
            except Misconfigured:
                self._stored, self._read = before
                raise
            self._version = version
        self._rows = rows

    def drop(self) -> None:
        """Serve none of them, until one changes: a version that judges otherwise than the one that took them starts."""
        log_of(self._tenant).error("registered_clients_refused", serving="without them")
        self._stored, self._read = (), (None, ())

    def also(self, configuration: Configuration) -> Configuration:
        """The configuration with them."""
        if self.register is None:
            return configuration
        if self._read[0] is not configuration.catalogue:
            read = [
                read_registered(one.client_id, json.loads(one.metadata), configuration.catalogue) for one in self._stored
            ]
            self._read = configuration.catalogue, [party for party, problems in read if not problems]
        return with_registered(configuration, self._read[1])

    def whole(self, found: InForce) -> InForce:
        """The configuration in force, with them."""
        return replace(found, configuration=self.also(found.configuration))


def registrations_of(openid: OpenIDParts, register: ClientRegister | None, most: int) -> Registrations | None:
    """The entrance at which services register themselves; None where none may."""
    if register is None:
        return None

    def judge(party: RelyingParty) -> None:
        OpenIDProvider(replace(openid, parties={party.client_id: party}))

    return Registrations(issuer=openid.issuer, register=register, catalogue=openid.catalogue, judge=judge, most=most)
