"""SAML 2.0 as a service provider: one signed question by Redirect or POST, one answer by POST (Web Browser SSO profile)."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from connectors.acting import namespace_of, told_by_attributes
from connectors.addresses import FetchError, judged_url
from connectors.connector import Ask, Examined, Expectation, Inbound, Outbound
from connectors.deviations import Tolerance, tolerance
from connectors.formats.authn_request import AuthnRequest, authn_request_element
from connectors.formats.saml import read_signed_assertion, read_signed_response, read_unverified_response
from connectors.formats.saml_message import AssertionMessage, NameIdentifier, ResponseMessage
from connectors.logout_checks import ExpectedLogout, receive_logout_request, receive_logout_response
from connectors.logout_messages import logout_request, request_by_browser
from connectors.mapping import beside, latin_forms, offered_attributes
from connectors.metadata.pinned_provider import misconfigured, pinned_provider
from connectors.oidc.line import Line
from connectors.profiles import SAML2INT
from connectors.response_checks import (
    Envelope,
    Recipient,
    check_asked_format,
    check_assertion,
    check_response,
    check_success,
    posted_response,
    subject_identifier,
)
from connectors.saml_sp.artifact import Resolver
from connectors.saml_sp.logout import HeardLogout, session_name
from connectors.saml_sp.proxying import check_authorities, scoped
from connectors.saml_sp.registration import SCOPED, check_registration, in_scope, raf_values
from connectors.signatures.parse import from_post
from connectors.signatures.shapes import OR_ENCRYPTED, RESPONSE
from connectors.signatures.signer import DecryptionKey, DecryptionKeys, Signers, decrypting
from connectors.signatures.verification_result import Signed, SignedMessage, UnsignedMessage
from connectors.signatures.xmldsig import verify
from connectors.signatures.xmlenc import open_assertion
from connectors.signed_messages import foreseen, signed_for_browser
from connectors.wire.names import ARTIFACT, POST, REDIRECT
from policies.assurance import LevelOfAssurance
from policies.authentication import Assertion, Offered, Scoping, SourceSession
from policies.deviations import NO_SCOPING
from policies.errors import AssertionRejected, AssuranceTooLow, SignatureInvalid
from policies.parties import IdentityProvider

REQUEST_ID_BYTES = 20  # SAML Core 2.0 §1.3.4: at least 128 random bits, 160 are better
_EIDAS = frozenset(level.uri for level in LevelOfAssurance)


class SamlConnector:
    """Asks one identity provider, whose metadata is pinned. Implements `connectors.connector.Connector`.

    `entity_id` and `acs_url` are ours. A registration that cannot work is `Misconfigured` at start. Without `unwrappers`
    (the newest first) every encrypted assertion is refused. A provider with the deviation `aes_cbc` has decryption keys of
    its own. `suspended` tells whether a deviation is switched off now. `line` is for a provider whose answers we fetch.
    """

    def __init__(
        self,
        *,
        provider: IdentityProvider,
        entity_id: str,
        acs_url: str,
        signer: Signers,
        unwrappers: Sequence[DecryptionKey] | DecryptionKeys = (),
        suspended: Callable[[str], bool] = lambda _deviation: False,
        line: Line | None = None,
    ) -> None:
        self._provider, self._unwrappers, self._suspended = provider, decrypting(unwrappers), suspended
        self._encrypted = bool(unwrappers)
        self._shape = OR_ENCRYPTED if self._encrypted else RESPONSE
        self._here = Recipient(entity_id=entity_id, acs_url=acs_url)
        self._signer = signer
        pinned = pinned_provider(provider.metadata, provider.entity_id, provider.source)
        self._keys = pinned.keys
        said = pinned.metadata
        self._sso_url = said.post_url if provider.binding == "post" else said.redirect_url
        check_registration(provider, said, self._sso_url)
        self._logout = said.logout
        self._scopes = said.scopes | set(provider.saml.scopes)
        self._names = {wire: name for wire, (name, _) in provider.attributes.items()} | dict(provider.latin)
        self._line = line
        self._resolver = None
        if provider.saml.fetched and line is not None:
            self._resolver = Resolver(
                provider.provider_id, provider.entity_id, said.resolvers, pinned.keys, line, signer, entity_id
            )
        highest = max(provider.assurance.values())
        self._questions = {
            (minimum, force): self._question(minimum, force=force)
            for minimum in LevelOfAssurance
            if minimum <= highest
            for force in (False, True)
        }
        try:
            for question in self._questions.values():
                authn_request_element(question)
        except ValueError:
            raise misconfigured(
                provider.source,
                "assurance",
                "An AuthnContextClassRef has characters that no XML has.",
                "Write it without control characters.",
            ) from None

    @property
    def is_away(self) -> bool:
        """Whether the provider, where we fetch its answers, did not answer the last few times."""
        return self._line is not None and self._line.is_away

    def request(self, ask: Ask, now: int) -> tuple[Outbound, Expectation]:
        """A signed AuthnRequest, and what its answer must match.

        Raises `AssuranceTooLow` where no level of the registration reaches the minimum, and `AllRevoked`.
        """
        # SAML knows no max_age: only a forced authentication is surely young enough.
        question = self._questions.get((ask.minimum_assurance, ask.force_authentication or ask.max_age is not None))
        if question is None:
            raise AssuranceTooLow("assurance_unreachable", "the identity provider has no level that reaches what is asked")
        request_id = "_" + secrets.token_hex(REQUEST_ID_BYTES)
        alone = NO_SCOPING in self._provider.deviations
        scoping = Scoping() if alone else scoped(ask, self._provider.saml, self._provider.entity_id)
        expectation = Expectation(
            provider_id=self._provider.provider_id,
            request_id=request_id,
            issued_at=now,
            minimum_assurance=ask.minimum_assurance,
            force_authentication=ask.force_authentication,
            max_age=ask.max_age,
            name_id_format=self._provider.name_id_format,
            # Of a provider to which no limit can be said, nobody may stand behind it
            proxies=0 if alone else scoping.proxy_count,
            authorities=scoping.providers,
            # It is used up with the first try to fetch the answer
            secret=secrets.token_hex(REQUEST_ID_BYTES) if self._provider.saml.fetched else "",
            speaks_as=ask.speaks_as,
        )
        if ask.speaks_as:
            question = replace(question, issuer=ask.speaks_as, attribute_service=ask.attribute_service)
        signer, binding = self._signer.at(now), POST if self._provider.binding == "post" else REDIRECT
        element = authn_request_element(replace(question, request_id=request_id, issue_instant=now, scoping=scoping))
        sent = signed_for_browser(element, self._sso_url, binding, ask.relay_state, signer=signer, profile=SAML2INT)
        return sent, expectation

    def receive(self, inbound: Inbound, expectation: Expectation, now: int) -> Assertion:
        """Judge a Response. Raises `AssertionRejected` and its kinds, with a name of `connectors.checks`, nothing else."""
        return self.examine(inbound, expectation, now).assertion

    @foreseen
    def examine(self, inbound: Inbound, expectation: Expectation, now: int) -> Examined:
        """Like `receive`; adds the message's own names and values."""
        takes = tolerance(SAML2INT, [name for name in self._provider.deviations if not self._suspended(name)])
        if self._provider.saml.fetched:
            if self._resolver is None:
                raise AssertionRejected("binding", "an answer that has to be fetched, without a line to its provider")
            octets = self._resolver.resolve(inbound, expectation, now)
        else:
            octets = from_post(posted_response(inbound, self._provider.provider_id, expectation))
        found = self._examined(octets, takes, expectation, now)
        return replace(found, assertion=replace(found.assertion, deviations=takes.used))

    def logged_out(self, inbound: Inbound, here: str, now: int) -> HeardLogout:
        """See `connectors.saml_sp.logout.HearsLogout`."""
        expected = ExpectedLogout(self._provider.entity_id, here)
        request, relay_state = receive_logout_request(inbound, self._keys, expected, now, SAML2INT)
        return HeardLogout(request, relay_state, self._logout)

    def logout_answered(self, inbound: Inbound, here: str, asked: str, now: int) -> bool:
        """See `connectors.saml_sp.logout.HearsLogout`."""
        expected = ExpectedLogout(self._provider.entity_id, here, asked)
        return receive_logout_response(inbound, self._keys, expected, now, SAML2INT)[0].complete

    def log_out(self, session: SourceSession, now: int) -> tuple[Outbound, str] | None:
        """See `connectors.saml_sp.logout.HearsLogout`. The answer comes back to where our metadata says."""
        binding = next((one for one in (REDIRECT, POST) if one in self._logout), "")
        if not binding:
            return None
        try:
            judged_url(self._logout[binding].url, demo=True)
        except FetchError:
            return None
        name = NameIdentifier(session.name, session.name_format, session.name_qualifier, session.sp_name_qualifier)
        asked = logout_request(
            session.speaks_as or self._here.entity_id, self._logout[binding].url, name, session.index, now
        )
        return request_by_browser(asked, binding, self._signer.at(now)), asked.request_id

    def _examined(self, octets: bytes, takes: Tolerance, expectation: Expectation, now: int) -> Examined:
        """Verify, read and judge the octets of a Response."""
        match verify(octets, self._keys, self._shape, SAML2INT):
            case UnsignedMessage(unverified_octets=unverified_octets):
                # Nobody vouches for it: a failure that answers our question ends this try, and nothing else comes of it.
                self._check(
                    read_unverified_response(unverified_octets),
                    Envelope(signed=False, has_assertion=False),
                    expectation,
                    now,
                )
                raise SignatureInvalid("signature_missing", "a Response that nobody signed")
            case SignedMessage(signed=signed, unverified_envelope=b""):
                response = read_signed_response(signed, encrypted=self._encrypted, tolerance=takes)
                count = len(response.assertions) + response.encrypted
                self._check(response, Envelope(signed=True, has_assertion=count > 0), expectation, now)
                if count != 1:
                    raise AssertionRejected("one_assertion", f"{count} assertions")
                return self._judge(self._only(response, signed, now, takes), response.response_id, expectation, now)
            case SignedMessage(signed=signed, unverified_envelope=unverified_envelope):
                # The Response around it may say no more than what we expect; its id is not believed, so the assertion's
                # stands in for it.
                self._check(
                    read_unverified_response(unverified_envelope),
                    Envelope(signed=False, has_assertion=True),
                    expectation,
                    now,
                )
                assertion = read_signed_assertion(signed, takes)
                return self._judge(assertion, assertion.assertion_id, expectation, now)

    def _only(self, response: ResponseMessage, signed: Signed, now: int, takes: Tolerance) -> AssertionMessage:
        """The one assertion of a signed Response, decrypted where it has to be."""
        if not response.encrypted:
            return response.assertions[0]
        return read_signed_assertion(open_assertion(signed, self._unwrappers(now), self._keys, SAML2INT, takes), takes)

    def _check(self, response: ResponseMessage, envelope: Envelope, expectation: Expectation, now: int) -> None:
        issuer = self._provider.entity_id
        check_response(response, issuer, self._here, expectation, now, envelope=envelope, profile=SAML2INT)
        check_success(response)

    def _judge(self, assertion: AssertionMessage, response_id: str, expectation: Expectation, now: int) -> Examined:
        # An answer for one body is for no other, and none for a body is for us
        here = replace(self._here, entity_id=expectation.speaks_as) if expectation.speaks_as else self._here
        authentication, level, ends = check_assertion(
            assertion, self._provider, self._provider.entity_id, here, expectation, now, profile=SAML2INT
        )
        check_authorities(authentication.authorities, self._provider.saml, expectation, self._here.entity_id)
        scoped_ones = in_scope(assertion.attributes, self._scopes)
        offered = offered_attributes(scoped_ones, self._provider.attributes, self._provider.multiple)
        offered |= latin_forms(scoped_ones, self._provider.latin)
        if self._scopes and self._provider.subject_attribute in SCOPED:
            # Without any scope it counts all the same: the namespace of identifiers is this provider's alone
            assertion = replace(assertion, attributes=scoped_ones)
        subject = subject_identifier(assertion, self._provider, here)
        if expectation.name_id_format and not self._provider.subject_attribute:
            check_asked_format(assertion.subject, expectation.name_id_format)
        came = {one.name for one in assertion.attributes}
        kind, represented = told_by_attributes(self._provider, offered, came)
        judged = Assertion(
            provider_id=self._provider.provider_id,
            issuer=self._provider.entity_id,
            namespace=namespace_of(self._provider.namespace, kind),
            subject=subject,
            offered=Offered(attributes=offered, loa=level, assurance=raf_values(assertion.attributes)),
            response_id=response_id,
            assertion_id=assertion.assertion_id,
            authenticated_at=authentication.instant,
            not_on_or_after=ends,
            session_ends=authentication.session_not_on_or_after or 0,
            authorities=authentication.authorities,
            session=session_name(assertion.subject, authentication.session_index),
            at_source=self._at_source(assertion.subject, authentication.session_index, expectation.speaks_as),
            said=authentication.context_class,
            beside=beside((one.name for one in assertion.attributes), self._names, offered.keys()),
            kind=kind,
            acting_for=represented,
        )
        name_format = assertion.subject.name_format if assertion.subject is not None else ""
        said: dict[str, tuple[str, ...]] = {}
        for attribute in assertion.attributes:
            said[attribute.name] = (*said.get(attribute.name, ()), *attribute.values)
        return Examined(judged, self._provider.subject_attribute or name_format, subject, said)

    def _at_source(self, name: NameIdentifier | None, index: str, speaks_as: str) -> SourceSession | None:
        if name is None or not self._provider.logout_upstream or self._logout.keys().isdisjoint({REDIRECT, POST}):
            return None
        return SourceSession(name.value, name.name_format, name.name_qualifier, name.sp_name_qualifier, index, speaks_as)

    def _question(self, minimum: LevelOfAssurance, *, force: bool) -> AuthnRequest:
        """Our request for this minimum, without ID and IssueInstant."""
        comparison, contexts = self._contexts(minimum)
        return AuthnRequest(
            request_id="",
            issue_instant=0,
            destination=self._sso_url,
            issuer=self._here.entity_id,
            acs_url=self._here.acs_url,
            force_authentication=force,
            comparison=comparison,
            contexts=contexts,
            name_id_format=self._provider.name_id_format,
            binding=ARTIFACT if self._provider.saml.fetched else POST,
            qualified=self._provider.saml.qualified_issuer,
        )

    def _contexts(self, minimum: LevelOfAssurance) -> tuple[str, tuple[str, ...]]:
        """Comparison and AuthnContextClassRefs that ask for at least `minimum`, the least sufficient first. Some reach it.

        The eIDAS URIs have an order (eIDAS Message Format 1.2 §3.2.2): one is asked as a minimum. Of other scales every
        class that reaches it is listed, to be met exactly (saml2int SDP-SP07). A registration may say otherwise.
        """
        table = self._provider.assurance
        reaching = sorted((level, name) for name, level in table.items() if level >= minimum)
        comparison = self._provider.saml.comparison or ("minimum" if set(table) <= _EIDAS else "exact")
        return comparison, (reaching[0][1],) if comparison == "minimum" else tuple(name for _, name in reaching)
