"""The city's library, a service that speaks SAML: it asks by a signed AuthnRequest, and is answered by POST, encrypted.

It knows the broker by its pinned metadata. The connector that asks identity providers for the broker asks the broker here:
an answer has to hold by all the checks that the broker itself makes.
"""

import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from connectors.connector import Ask, Expectation, Inbound, Redirect
from connectors.formats.metadata import SIGNATURE_PLACE, service_provider_element
from connectors.profiles import SAML2INT
from connectors.saml_sp.connector import SamlConnector
from connectors.signatures.elements import child
from connectors.signatures.xmlsign import sign_enveloped
from connectors.wire.names import ATTRNAME_URI, XML_LANG, md
from idp.demo.citizens import CITY, NAMES
from idp.demo.relying_party import WAITING, AnswerRefusedError
from idp.keys.file import create_saml_key, load_saml_unwrapper, load_signer
from idp.system.addresses import idp_entity_id
from policies.assurance import LevelOfAssurance
from policies.errors import BrokerError
from policies.parties import EntityId, IdentityProvider, ProviderId, Source, SubjectNamespace

NAME, TITLE = "library", "City library"
PAIRWISE_ID = "urn:oasis:names:tc:SAML:attribute:pairwise-id"
# It would like to have more than it needs, as services do
WANTED = ("family_name", "birthdate", "email", "address.street", "address.postal_code")
REQUIRED = ("age_over_18", "resident_of")
METADATA_LIFE = 365 * 86400
_TRUTHS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class AssertionRead:
    """All that an assertion said of a citizen, under the library's own names."""

    given: Mapping[str, object] = field(repr=False)
    loa: str

    def as_json(self) -> dict[str, object]:
        """The assertion, for the driver of `ciconia demo --once`."""
        return {"assertion": dict(self.given), "loa": self.loa}


class Library:
    """The service at `base`/library, whose two keys are made in `folder`. `clock` gives seconds since the epoch."""

    def __init__(self, *, base: str, issuer: str, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.entity_id, self._acs_url = f"{base}/{NAME}/metadata", f"{base}/{NAME}/callback"
        self._broker, self._clock = EntityId(idp_entity_id(issuer)), clock
        for file in ("library.pem", "library-encryption.pem"):
            create_saml_key(folder / file, "storkhaven.localhost")
        self._signer = load_signer(folder / "library.pem")
        self._opener = load_saml_unwrapper(folder / "library-encryption.pem")
        self._connector: SamlConnector | None = None
        self._pending: dict[str, tuple[Expectation, float]] = {}
        # Attribute of the broker -> the library's own name of it
        self._names = {PAIRWISE_ID: "sub", NAMES["email"]: "email"}
        self._names |= {f"{issuer}/attributes/age_over_18": "age_over_18"}
        self._names |= {f"{issuer}/attributes/resident_of/{CITY}": "resident_of"}

    def metadata(self) -> bytes:
        """Its signed metadata, which the broker pins."""
        root = service_provider_element(
            metadata_id="_" + secrets.token_hex(16),
            entity_id=self.entity_id,
            acs_url=self._acs_url,
            certificates=(self._signer.certificate,),
            valid_until=int(self._clock()) + METADATA_LIFE,
            encryption=self._opener.certificate,
        )
        wanted = child(root[0], md("AttributeConsumingService"), index="0", isDefault="true")
        child(wanted, md("ServiceName"), TITLE).set(XML_LANG, "en")
        for name in WANTED:
            child(wanted, md("RequestedAttribute"), Name=NAMES[name], NameFormat=ATTRNAME_URI)
        return sign_enveloped(root, self._signer, place=SIGNATURE_PLACE, profile=SAML2INT)

    def pin(self, metadata: bytes) -> None:
        """Takes the broker's metadata: only its keys vouch for an answer. Raises `Misconfigured`."""
        self._connector = SamlConnector(
            provider=IdentityProvider(
                provider_id=ProviderId("broker"),
                title={"en": "Broker"},
                country="NL",
                namespace=SubjectNamespace("broker"),
                entity_id=self._broker,
                metadata=metadata,
                attributes={},
                subject_attribute=PAIRWISE_ID,
                assurance={level.uri: level for level in LevelOfAssurance},
                source=Source(NAME, 0),
            ),
            entity_id=self.entity_id,
            acs_url=self._acs_url,
            signer=self._signer,
            unwrappers=(self._opener,),
        )

    def begin(self, _language: str = "") -> tuple[str, str]:
        """The address that asks the broker, and the RelayState that the browser must bring back. SAML names no language."""
        now, state = self._clock(), secrets.token_urlsafe(32)
        self._pending = {key: one for key, one in self._pending.items() if one[1] > now - WAITING}
        ask = Ask(relay_state=state, minimum_assurance=LevelOfAssurance.SUBSTANTIAL, force_authentication=False)
        outbound, expectation = self._asking().request(ask, int(now))
        if not isinstance(outbound, Redirect):
            raise AnswerRefusedError("binding")
        self._pending[state] = expectation, now
        return outbound.url, state

    def receive(self, answer: Mapping[str, str], state_of_browser: str) -> AssertionRead:
        """Decrypts and checks everything. Raises `AnswerRefusedError`."""
        state = answer.get("RelayState", "")
        expectation, _ = self._pending.pop(state, (None, 0.0))
        if expectation is None or not hmac.compare_digest(state.encode(), state_of_browser.encode()):
            raise AnswerRefusedError("RelayState")
        try:
            read = self._asking().examine(Inbound("post", answer), expectation, int(self._clock()))
        except BrokerError as error:
            check = getattr(error, "check", error.code)
            raise AnswerRefusedError(check, "access_denied" if check == "status" else "") from error
        given = {self._names.get(name, name): _value(texts) for name, texts in read.attributes.items()}
        for name in REQUIRED:
            # A no is an answer, too: the library decides what it means
            if name not in given:
                raise AnswerRefusedError(f"{name} did not come")
        return AssertionRead(given, read.assertion.offered.loa.uri)

    def close(self) -> None:
        """Nothing is open: all goes through the browser."""

    def _asking(self) -> SamlConnector:
        if self._connector is None:
            raise AnswerRefusedError("no metadata of the broker")
        return self._connector


def _value(texts: tuple[str, ...]) -> object:
    """The one value of an attribute, a yes or no as such; a list of several."""
    found = [_TRUTHS.get(text, text) for text in texts]
    return found[0] if len(found) == 1 else found
