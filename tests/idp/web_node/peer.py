"""Another country's receiving node in a test's hands: it asks whatever it is told, and opens the answers."""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lxml import etree

from connectors.formats.eidas.metadata import read_peer
from connectors.formats.eidas.own_metadata import SIGNATURE_PLACE, ConnectorMetadata, connector_element
from connectors.formats.eidas.registry import with_additional
from connectors.formats.eidas.request import EidasRequest, RequestedAttribute, asked_attributes, request_element
from connectors.formats.eidas.response import EidasAssertionMessage, EidasResponse, read_assertion, read_response
from connectors.formats.operator import Operator
from connectors.metadata.peers import Held
from connectors.profiles import EIDAS, Profile
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.redirect import signed_query
from connectors.signatures.shapes import ENCRYPTED_RESPONSE, METADATA
from connectors.signatures.signer import Signer
from connectors.signatures.verification_result import SignedMessage
from connectors.signatures.xmldsig import verify
from connectors.signatures.xmlenc import open_assertion
from connectors.signatures.xmlsign import sign_enveloped
from connectors.signed_messages import REQUEST_SIGNATURE_PLACE
from idp.keys.file import create_saml_key, load_node_signer, load_unwrapper
from idp.keys.hourly_keys import HOUR
from policies.attributes import AttributeName
from policies.catalogue import STANDARD, AttributeType
from policies.eidas_form import EidasForm
from policies.forms import AttributeKind
from policies.parties import EntityId
from tests.idp.neighbour import signer

ORGANIZATION = Operator("Node", "Node", "https://nl.example", "help@nl.example", "tech@nl.example")
LOA = "http://eidas.europa.eu/LoA/"
OTHER_LOA = "http://eidas.europa.eu/NotNotified/LoA/"
ATTRIBUTE = "http://eidas.europa.eu/attributes/naturalperson/"
# It knows the additional attributes of the node that it asks
LICENCE = "https://trade.example/attributes/Licence"
KNOWN = with_additional(
    STANDARD.with_own(
        [
            AttributeType(
                AttributeName("licence"),
                AttributeKind.NUMBER,
                {"en": "Licence"},
                "licence",
                eidas=LICENCE,
                eidas_form=EidasForm("{https://trade.example/attributes}LicenceType", "Licence"),
            )
        ]
    )
)


def request_octets(request: EidasRequest) -> bytes:
    """The unsigned XML, as the Redirect binding deflates it."""
    return etree.tostring(request_element(request), encoding="unicode").encode()


@dataclass(frozen=True)
class Opened:
    """A Response whose signature held, and its assertion where it has one."""

    response: EidasResponse
    assertion: EidasAssertionMessage | None
    octets: bytes

    @property
    def codes(self) -> tuple[str, str, str]:
        """Both status codes by their last words, and the message."""
        top, second = (code.rpartition(":")[2] for code in (self.response.status, self.response.sub_status))
        return top, second, self.response.status_message

    def values(self, name: str) -> list[str]:
        """The values of an attribute of natural persons."""
        assert self.assertion is not None
        return [value.text for value in self.assertion.attributes[ATTRIBUTE + name]]


class PeerNode:
    """A receiving node of `country` at `name`.localhost. It signs on P-256, and with RSA as its second key (a rollover)."""

    def __init__(self, folder: Path, name: str, country: str) -> None:
        self.name, self.country = name, country
        self.entity_id = f"http://{name}.localhost:8499/eidas/metadata"
        self.acs_url = f"http://{name}.localhost:8499/eidas/acs"
        self.signer, self.metadata_signer = signer(f"{name} messages"), signer(f"{name} metadata")
        # A test asks a quarter of an hour ago
        create_saml_key(folder / f"{name}.pem", f"{name}.localhost", now=int(time.time()) - HOUR)
        self.rsa_signer = load_node_signer(folder / f"{name}.pem")
        self.unwrapper = load_unwrapper(folder / f"{name}.pem")
        self._number = 0

    # -- metadata ----------------------------------------------------------------------------------------------------------

    def held(self, valid_until: int, now: int, *, signing: bool = True, encrypting: bool = True) -> Held:
        """Its metadata as fetched and approved at `now`."""
        element = connector_element(
            ConnectorMetadata(
                metadata_id="_m",
                valid_until=valid_until,
                entity_id=self.entity_id,
                country=self.country,
                signing=(self.signer.certificate, self.rsa_signer.certificate) if signing else (),
                encryption=(self.unwrapper.certificate,) if encrypting else (),
                application_identifier="ciconia:1",
                organization=ORGANIZATION,
                profile=EIDAS,
                acs_url=self.acs_url,
            )
        )
        octets = sign_enveloped(element, self.metadata_signer, place=SIGNATURE_PLACE, profile=EIDAS)
        message = verify(octets, [key_of_certificate(self.metadata_signer.certificate, EIDAS)], METADATA, EIDAS)
        assert isinstance(message, SignedMessage)
        facts = read_peer(message.signed, "connector")
        return Held(EntityId(self.entity_id), octets, facts, facts, now)

    # -- asking ------------------------------------------------------------------------------------------------------------

    def request(self, destination: str, now: int, /, **changes: object) -> EidasRequest:
        """A request that is accepted, but for `changes`."""
        self._number += 1
        made = EidasRequest(
            request_id=f"_{self.name}-{now}-{self._number}",
            issue_instant=now,
            destination=destination,
            issuer=self.entity_id,
            provider_name="Parking in Storkhaven",
            sp_type="public",
            requester_id="",
            comparison="minimum",
            contexts=(f"{LOA}low",),
            attributes=asked_attributes(()),
        )
        return replace(made, **changes)  # type: ignore[arg-type] # whichever fields a test names

    def posted(
        self,
        request: EidasRequest,
        relay_state: str = "",
        *,
        by: Signer | None = None,
        profile: Profile = EIDAS,
        edited: Mapping[str, str | None] | None = None,
    ) -> dict[str, str]:
        """The form of a signed request; `edited` sets attributes of its root before it is signed, None removes one."""
        root = request_element(request)
        for name, value in (edited or {}).items():
            if value is None:
                del root.attrib[name]
            else:
                root.set(name, value)
        octets = sign_enveloped(root, by or self.signer, place=REQUEST_SIGNATURE_PLACE, profile=profile)
        return fields_of(octets, relay_state)

    def queried(self, request: EidasRequest, relay_state: str = "", *, by: Signer | None = None) -> str:
        """The signed query."""
        return signed_query("SAMLRequest", request_octets(request), relay_state, by or self.signer, EIDAS)

    # -- hearing -----------------------------------------------------------------------------------------------------------

    def opened(self, fields: Mapping[str, str], node_certificate: bytes) -> Opened:
        """Open a Response as strictly as any node does."""
        octets = base64.b64decode(fields["SAMLResponse"])
        keys = [key_of_certificate(node_certificate, EIDAS)]
        message = verify(octets, keys, ENCRYPTED_RESPONSE, EIDAS)
        assert isinstance(message, SignedMessage)
        response = read_response(message.signed)
        assertion = None
        if response.encrypted:
            opened = open_assertion(message.signed, [self.unwrapper], keys, EIDAS)
            assertion = read_assertion(opened, registry=KNOWN)
        return Opened(response, assertion, octets)


def fields_of(octets: bytes, relay_state: str = "") -> dict[str, str]:
    """The form of a message."""
    fields = {"SAMLRequest": base64.b64encode(octets).decode()}
    return fields | ({"RelayState": relay_state} if relay_state else {})


def message_of(fields: Mapping[str, str]) -> etree._Element:
    """The message of a form, to be spoiled."""
    return etree.fromstring(base64.b64decode(fields["SAMLRequest"]))


def and_also(*names: str) -> tuple[RequestedAttribute, ...]:
    """The minimum data set, and these attributes beside it."""
    return asked_attributes(tuple(ATTRIBUTE + name for name in names))
