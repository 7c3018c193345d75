"""STORK 1.0 and 2.0 as the citizen's service country (S-PEPS): one signed question by POST to a C-PEPS or a middleware.

STORK had no metadata: keys and addresses are those of the registration. What is signed is held to today's algorithms; the
deviation `sha1_signature` alone takes what was usual then. Levels are QAA 1 to 4, and the one that was reached is an
attribute (STORK D5.8).
"""

import secrets
from collections.abc import Mapping, Sequence

from connectors.acting import acting_for, check_taken
from connectors.connector import Ask, Examined, Expectation, Inbound, Outbound
from connectors.deviations import Tolerance, tolerance
from connectors.formats.stork.registry import (
    ATTRIBUTES,
    CITIZEN_QAA,
    EIDENTIFIER,
    IS_AGE_OVER,
    MANDATE,
    QAA_NOT_SUPPORTED,
)
from connectors.formats.stork.request import StorkAttributeRequest, StorkRequest, VidpInformation, request_element
from connectors.formats.stork.response import StorkAssertionMessage, read_assertion, read_response
from connectors.formats.stork.values import StorkComplex, StorkSaid, StorkText, texts_of
from connectors.mapping import beside
from connectors.metadata.pinned_provider import misconfigured
from connectors.profiles import STORK, STORK_SHA1
from connectors.response_checks import (
    Envelope,
    Recipient,
    check_assertion,
    check_response,
    check_success,
    posted_response,
)
from connectors.signatures.parse import Element, from_post
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from connectors.signatures.shapes import OR_ENCRYPTED
from connectors.signatures.signer import DecryptionKey, DecryptionKeys, Signers, decrypting
from connectors.signatures.verification_result import Signed, SignedMessage, UnsignedMessage
from connectors.signatures.xmldsig import Shape, verify
from connectors.signatures.xmlenc import open_assertion
from connectors.signed_messages import foreseen, signed_for_browser
from connectors.stork_mandates import represented
from connectors.stork_person import identifier_between, offered_attributes
from connectors.wire import names
from policies.attributes import AttributeName, Form
from policies.authentication import Assertion, Offered
from policies.catalogue import Catalogue
from policies.deviations import SHA1_SIGNATURE
from policies.errors import AssertionRejected, AssuranceTooLow, BrokerError, PeerUnavailable, SignatureInvalid
from policies.parties import IdentityProvider, StorkPeer

REQUEST_ID_BYTES = 20  # SAML Core 2.0 §1.3.4: at least 128 random bits, 160 are better
MAX_INSTITUTION = 255
_BIRTHDATE, _AGE_OVER = AttributeName("birthdate"), "age_over"
OLD_ALGORITHMS = ("signature_algorithm", "digest_algorithm")


def pinned_keys(peer: StorkPeer) -> tuple[PinnedKey, ...]:
    """The keys that a registration pins. Raises `Misconfigured` for one that the profile does not take."""
    try:
        found = tuple(key_of_certificate(der, STORK) for der in peer.certificates)
    except ValueError as error:
        raise misconfigured(
            peer.source, "certificates", f"A certificate cannot verify: {error}.", "Pin the one that its messages have."
        ) from None
    if not found:
        raise misconfigured(peer.source, "certificates", "None is pinned.", "Pin the one that its messages have.")
    return found


def keys_now(peer: StorkPeer, keys: Sequence[PinnedKey], now: int) -> tuple[PinnedKey, ...]:
    """Those within their certificates' dates. Raises `PeerUnavailable` where none is."""
    found = tuple(key for key in keys if key.in_force(now))
    if not found:
        what = f"{peer.entity_id}: no pinned certificate is within its dates."
        raise PeerUnavailable(f"{what} Its operator has a new one, which our registration must name.")
    return found


def verified(octets: bytes, keys: Sequence[PinnedKey], shape: Shape, taken: Tolerance) -> SignedMessage | UnsignedMessage:
    """`verify` by today's algorithms, and by SHA-1 where the deviation is on: only a message that needs it uses it."""
    try:
        return verify(octets, keys, shape, STORK)
    except SignatureInvalid as error:
        if error.check not in OLD_ALGORITHMS or not taken.takes(SHA1_SIGNATURE):
            raise
        return verify(octets, keys, shape, STORK_SHA1)


class StorkConnector:
    """Asks one country, the `peer` of a registration. Implements `connectors.connector.Connector`.

    `entity_id`, `acs_url` and `country` are ours, `unwrappers` our decryption keys; none refuses what is encrypted. Without
    a `country`, for inspection, identifiers for any country pass.
    """

    def __init__(
        self,
        *,
        provider: IdentityProvider,
        entity_id: str,
        acs_url: str,
        signer: Signers,
        unwrappers: Sequence[DecryptionKey] | DecryptionKeys,
        country: str | None,
        catalogue: Catalogue,
    ) -> None:
        self._provider, self._here = provider, Recipient(entity_id=entity_id, acs_url=acs_url)
        self._signer, self._unwrappers = signer, decrypting(unwrappers)
        self._country, self._catalogue = country, catalogue
        if not isinstance(provider.peer, StorkPeer) or not provider.assurance or country == "":
            raise misconfigured(
                provider.source,
                "url",
                "A country that speaks STORK has no address, no level, or we have no country.",
                "Name `url` and `certificates`; map at least one QAA; set `country`.",
            )
        self._peer = provider.peer
        self._keys = pinned_keys(provider.peer)

    def request(self, ask: Ask, now: int) -> tuple[Outbound, Expectation]:
        """A signed AuthnRequest, and what its answer must match. Raises `AssuranceTooLow` and `PeerUnavailable`."""
        keys_now(self._peer, self._keys, now)
        if ask.requester is None:
            raise BrokerError("a question to another country on behalf of nobody")
        reaching = sorted(qaa for qaa, level in self._provider.assurance.items() if level >= ask.minimum_assurance)
        if not reaching:
            raise AssuranceTooLow("assurance_unreachable", "the country has no QAA that reaches what is asked")
        service = ask.requester.provider_name
        request = StorkRequest(
            request_id="_" + secrets.token_hex(REQUEST_ID_BYTES),
            issue_instant=now,
            destination=self._peer.url,
            issuer=self._here.entity_id,
            acs_url=self._here.acs_url,
            provider_name=service,
            qaa=reaching[0],
            attributes=self._attributes(ask),
            institution=service[:MAX_INSTITUTION],
            country=self._country or "",
            vidp=VidpInformation(self._provider.country, self._peer.sp_id) if self._peer.sp_id else None,
        )
        expectation = Expectation(
            provider_id=self._provider.provider_id,
            request_id=request.request_id,
            issued_at=now,
            minimum_assurance=ask.minimum_assurance,
            force_authentication=True,
            max_age=ask.max_age,
        )
        element, signer = request_element(request), self._signer.at(now)
        sent = signed_for_browser(element, self._peer.url, names.POST, ask.relay_state, signer=signer, profile=STORK)
        return sent, expectation

    def receive(self, inbound: Inbound, expectation: Expectation, now: int) -> Assertion:
        """Judge a Response. Raises `PeerUnavailable`, and `AssertionRejected` with a name of `connectors.checks`."""
        return self.examine(inbound, expectation, now).assertion

    # The plan (STORK D5.8, docs/threats.md). Each block below has its number.
    #  1. An answer for this registration, by POST, one parameter.
    #  2. The Response is signed by a key that is pinned for this country. Nothing of it is looked at before.
    #  3. Where to, when, from whom, to what; a failure is signed too and brings no assertion.
    #  4. Exactly one assertion: within the signature, or encrypted to us within it.
    #  5. Meaning: time, issuer, subject confirmation, conditions, authentication, level.
    #  6. The person: identifier between the country and ours; for whom they act, by one mandate; then what is offered.
    @foreseen
    def examine(self, inbound: Inbound, expectation: Expectation, now: int) -> Examined:
        """Like `receive`; adds the message's own names and values."""
        # 1.
        octets = from_post(posted_response(inbound, self._provider.provider_id, expectation))
        # 2.
        taken, keys = tolerance(STORK, self._peer.deviations), keys_now(self._peer, self._keys, now)
        message = verified(octets, keys, OR_ENCRYPTED, taken)
        if isinstance(message, UnsignedMessage) or message.unverified_envelope:
            raise SignatureInvalid("signature_missing", "a Response that nobody signed")
        response, plain = read_response(message.signed)
        # 3.
        count = len(plain) + response.encrypted
        # The published engines put an assertion about nobody beside a failure. Nothing of it is read
        envelope = Envelope(signed=True, has_assertion=False)
        check_response(response, self._peer.entity_id, self._here, expectation, now, envelope=envelope, profile=STORK)
        if response.sub_status == QAA_NOT_SUPPORTED:
            raise AssuranceTooLow("status", "the country reports that the level of assurance was not reached")
        check_success(response)
        # 4.
        if count != 1:
            raise AssertionRejected("one_assertion", f"{count} assertions")
        held = plain[0] if plain else self._opened(message.signed, keys, now)
        return self._judge(read_assertion(held), response.response_id, taken, expectation, now)

    def _opened(self, signed: Signed, keys: Sequence[PinnedKey], now: int) -> Element:
        unwrappers = self._unwrappers(now)
        if not unwrappers:
            raise AssertionRejected("encrypted_assertion", "an encrypted assertion, where no key of ours opens one")
        return open_assertion(signed, unwrappers, keys, STORK).tree()

    def _judge(
        self, assertion: StorkAssertionMessage, response_id: str, taken: Tolerance, expectation: Expectation, now: int
    ) -> Examined:
        # 5.
        frame, here = assertion.frame, self._here
        authentication, level, ends = check_assertion(
            frame, self._provider, self._peer.entity_id, here, expectation, now, profile=STORK
        )
        # 6.
        said = assertion.attributes
        texts = texts_of(said, EIDENTIFIER)
        identifier = identifier_between(texts, sending=self._provider.country, receiving=self._country)
        kind, other, told = represented(
            said,
            identifier,
            sending=self._provider.country,
            receiving=self._country,
            level=level,
            minimum=expectation.minimum_assurance,
        )
        check_taken(kind, self._provider)
        offered = offered_attributes(said, self._catalogue) | told
        table = {row.stork: name for name, row in self._catalogue.attributes.items() if row.stork}
        read = {CITIZEN_QAA, *((IS_AGE_OVER,) if self._peer.is_age_over else ())}
        judged = Assertion(
            provider_id=self._provider.provider_id,
            issuer=self._peer.entity_id,
            namespace=self._provider.namespace,
            subject=identifier,
            offered=Offered(attributes=offered, loa=level, kind=kind, affirmed=self._affirmed(said)),
            kind=kind,
            acting_for=acting_for(kind, self._provider, offered, other),
            response_id=response_id,
            assertion_id=frame.assertion_id,
            authenticated_at=authentication.instant,
            not_on_or_after=ends,
            session_ends=authentication.session_not_on_or_after or 0,
            deviations=taken.used,
            said=authentication.context_class,
            beside=beside(
                [*(uri for uri, one in said.items() if one.values and uri not in read), *assertion.others],
                table,
                offered.keys(),
            ),
        )
        shown = {uri: (*_shown(one.values),) for uri, one in said.items()}
        name, statuses = frame.subject, {uri: one.status for uri, one in said.items()}
        subject = (name.name_format, name.value) if name is not None else ("", "")
        return Examined(judged, *subject, shown, statuses)

    def _attributes(self, ask: Ask) -> tuple[StorkAttributeRequest, ...]:
        """The identifier, what of the need STORK has, and the level."""
        rows = [self._catalogue.attributes[name] for name in ask.attributes if name in self._catalogue.attributes]
        question = ask.questions.get(_BIRTHDATE) if self._peer.is_age_over else None
        age = question.parameter if question is not None and question.name == _AGE_OVER else ""
        rows = [row for row in rows if not (age and row.name == _BIRTHDATE)]
        needed = {row.stork: row.name in ask.required for row in rows if row.stork in ATTRIBUTES}
        kinds = ask.persons & self._provider.persons
        if any(kind.acts for kind in kinds):
            needed[MANDATE] = all(kind.acts for kind in kinds)
        asked = {EIDENTIFIER: True} | {uri: required for uri, required in needed.items() if uri != EIDENTIFIER}
        found = [StorkAttributeRequest(uri, required) for uri, required in {**asked, CITIZEN_QAA: False}.items()]
        # Engines fail a request whose required isAgeOver is a no, and without a yes nothing more would happen here
        return (*found, StorkAttributeRequest(IS_AGE_OVER, _BIRTHDATE in ask.required, (age,))) if age else tuple(found)

    def _affirmed(self, said: Mapping[str, StorkSaid]) -> dict[AttributeName, Form]:
        """The age that the country says has come, where its registration says that it knows."""
        ages = texts_of(said, IS_AGE_OVER) if self._peer.is_age_over else ()
        return {_BIRTHDATE: Form(_AGE_OVER, ages[0])} if ages else {}


def _shown(values: Sequence[StorkText | StorkComplex]) -> Sequence[str]:
    return [value.text if isinstance(value, StorkText) else "(complex)" for value in values]
