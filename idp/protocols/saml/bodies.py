"""The metadata of the public bodies for which we stand: each one's own, and one document of all, signed by our key.

What all bodies have in common is our own metadata as a service provider. Each entity asks for the attributes that the
purposes of its services need.
"""

import secrets
import threading
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha1

from connectors.formats.bodies import BodyEntity, BodyService, aggregate_element, body_element
from connectors.formats.metadata import SIGNATURE_PLACE, service_provider_element
from connectors.profiles import SAML2INT
from connectors.signatures.decryption_keys import FileUnwrapper
from connectors.signatures.key_ring import Ring
from connectors.signatures.parse import Element
from connectors.signatures.signer import DecryptionKeys, Signers
from connectors.signatures.xmlsign import piece_of, sign_enveloped, sign_pieces
from connectors.wire.names import POST, REDIRECT, TRANSIENT
from idp.keys.kinds import SAML_LIFE
from idp.login.bodies import body_entity_id
from idp.protocols.cached_metadata import Published
from idp.system.addresses import acs_url, artifact_url, bodies_url, body_logout_url
from policies.bodies import Body
from policies.errors import BrokerError, Problem
from policies.load import Configuration
from policies.parties import RelyingParty

# Who took the document looks again so often: a new body is known on the same day
CACHED = 6 * 3600
# zlib's name of gzip's format, with the usual window
GZIP = 16 + zlib.MAX_WBITS


class PublishedBodies:
    """One city's. Each document is made when it is wanted first, and again as `Published` says."""

    def __init__(
        self,
        issuer: str,
        configuration: Configuration,
        signer: Signers,
        encryption: Ring[FileUnwrapper] | None,
    ) -> None:
        self._issuer, self._configuration = issuer, configuration
        self._signer, self._encryption = signer, encryption
        self._sources = [one for one in configuration.providers.values() if one.saml.speaks_for]
        self._rings: list[Signers | DecryptionKeys] = [signer, *([encryption] if encryption else [])]
        self._made: dict[str, Published] = {}
        self._named: dict[str, str] = {}
        for body in configuration.bodies.values():
            name = body_entity_id(issuer, body)
            digest = sha1(name.encode(), usedforsecurity=False).hexdigest()
            self._named |= {name: body.body_id, f"{{sha1}}{digest}": body.body_id}
        self._places = {one.place: one.body_id for one in configuration.bodies.values()}
        self._parties: dict[str, list[RelyingParty]] = defaultdict(list)
        for party in configuration.parties.values():
            self._parties[party.body].append(party)
        # Of 17 megabytes 200 kilobytes are left: what differs is little
        self.compressed = Published(self._compressed, SAML_LIFE, *self._rings)

    def __bool__(self) -> bool:
        return bool(self._configuration.bodies)

    def at(self, place: str) -> Published | None:
        """The metadata of the body at this place under the address of all."""
        return self._of(self._places.get(place, ""))

    def named(self, identifier: str) -> Published | None:
        """The metadata of the body of this entity id, or of the digest of one (Metadata Query Protocol)."""
        return self._of(self._named.get(identifier, ""))

    def one(self, body_id: str, now: int, valid_for: int) -> bytes:
        """One body's signed EntityDescriptor."""
        element = self._element(self._configuration.bodies[body_id], self._ours(now, valid_for))
        return sign_enveloped(element, self._signer.at(now), place=SIGNATURE_PLACE, profile=SAML2INT)

    def all(self, now: int, valid_for: int) -> Sequence[bytes]:
        """The signed EntitiesDescriptor of all bodies, in pieces: a tree of all would take ten times as much memory."""
        ours = self._ours(now, valid_for)
        for attribute in ("ID", "validUntil"):
            # The whole has one end and one signature
            ours.attrib.pop(attribute)
        root = aggregate_element(bodies_url(self._issuer), "_" + secrets.token_hex(16), now + valid_for, CACHED)
        pieces = [piece_of(root, self._element(body, ours)) for body in self._configuration.bodies.values()]
        return sign_pieces(root, pieces, self._signer.at(now), SAML2INT)

    def warm(self, clock: Callable[[], int]) -> None:
        """Make the document of all in a thread of its own: nobody who asks for it waits, and no start does."""

        def make() -> None:
            # Whoever asks hears the same
            with suppress(BrokerError):
                self.compressed(clock())

        if self:
            threading.Thread(target=make, name="bodies", daemon=True).start()

    def _of(self, body_id: str) -> Published | None:
        if not body_id:
            return None
        # Of two threads that make it at once, one's stays: both say the same
        return self._made.setdefault(body_id, Published(partial(self.one, body_id), SAML_LIFE, *self._rings))

    def _compressed(self, now: int, valid_for: int) -> bytes:
        compressor = zlib.compressobj(wbits=GZIP)
        return b"".join([*map(compressor.compress, self.all(now, valid_for)), compressor.flush()])

    def _ours(self, now: int, valid_for: int) -> Element:
        """An entity with all that every body has of ours, and no name of its own."""
        return service_provider_element(
            metadata_id="_" + secrets.token_hex(16),
            entity_id="",
            acs_url=acs_url(self._issuer),
            certificates=tuple(key.certificate for key in self._signer.published(now)),
            valid_until=now + valid_for,
            encryption=self._encryption.at(now).certificate if self._encryption else b"",
            artifact_url=artifact_url(self._issuer) if any(one.saml.fetched for one in self._sources) else "",
            logout=dict.fromkeys((REDIRECT, POST), ""),
            # An attribute identifies, the same for each body
            name_id_formats=(TRANSIENT,),
        )

    def _element(self, body: Body, ours: Element) -> Element:
        services = [
            BodyService(party.attribute_service, party.title, self._attributes(party))
            for party in sorted(self._parties.get(body.body_id, ()), key=lambda one: one.attribute_service)
        ]
        named, asking = body_entity_id(self._issuer, body), tuple(one for one in services if one.attributes)
        entity = BodyEntity(named, body, asking, body_logout_url(self._issuer, body.place))
        return body_element(entity, ours, self._configuration.aggregator)

    def _attributes(self, party: RelyingParty) -> tuple[str, ...]:
        """The names on the wire of what a service's purposes need and its registration lets go, and of who it is."""
        purposes = self._configuration.purposes
        needed = {name for one in party.purposes for name in purposes[one].needs if name in party.attributes}
        found = {one.subject_attribute for one in self._sources}
        for one in self._sources:
            found |= {wire for wire, (name, _) in one.attributes.items() if name in needed}
            found |= {wire for wire, name in one.latin.items() if name in needed}
        return tuple(sorted(found))


def own_name_problems(issuer: str, configuration: Configuration) -> Iterator[Problem]:
    """Each body that has the name of an address of ours, which is that of its metadata or of somebody else."""
    for body in configuration.bodies.values():
        if body.entity_id == issuer or body.entity_id.startswith(f"{issuer}/"):
            what, fix = "lies under our own address.", "leave it out: it is the address of its metadata then."
            yield Problem(body.source.file, body.source.line, "entity_id", what, fix)
