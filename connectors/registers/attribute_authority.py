"""A register that is a SAML attribute authority: Assertion Query/Request (SAML Profiles 2.0 §6) over SOAP.

The plan. Nothing of a later step is looked at before the earlier ones hold.
 1. A signed AttributeQuery about one NameID goes to the address of the authority's pinned metadata, by its own line.
 2. One SOAP envelope comes back, with a Response; a key of the pinned metadata signed it whole.
 3. It is issued now, by that authority, in answer to this question, and is a success.
 4. Its one assertion is opened by a key of ours, and goes through the whole plan of verification again.
 5. The assertion is issued now, by that authority, for us, about that very NameID, and has not ended.
 6. It says what was asked and no more, in values of the catalogue's kinds, and came for the first time.
"""

import time
from collections.abc import Sequence

from connectors.addresses import FetchError, judged_url
from connectors.attribute_provider import RegisterAnswer, RegisterQuery
from connectors.fetch import Fetcher, HttpAnswer
from connectors.formats.artifact import SOAP_HEADERS, in_envelope, message_in
from connectors.formats.attribute_query import AttributeQuery, query_element, read_attribute_authority
from connectors.formats.saml import read_signed_assertion, read_signed_response
from connectors.formats.saml_message import AssertionMessage, NameIdentifier, ResponseMessage
from connectors.metadata.pinned_provider import misconfigured
from connectors.oidc.line import Line
from connectors.profiles import SAML2INT
from connectors.registers.judgement import MAX_AGE, RegisterJudge
from connectors.response_checks import Recipient, check_conditions, check_issued
from connectors.signatures.parse import MAX_METADATA, parse_metadata
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.second_reading import judge_reading
from connectors.signatures.shapes import ENCRYPTED_RESPONSE
from connectors.signatures.signer import DecryptionKey, DecryptionKeys, Signers, decrypting
from connectors.signatures.xmlenc import open_assertion
from connectors.signatures.xmlsign import sign_enveloped
from connectors.signed_messages import REQUEST_SIGNATURE_PLACE, foreseen, signed_root
from connectors.wire.names import ATTRNAME_BASIC, ATTRNAME_UNSPECIFIED, ATTRNAME_URI, SUCCESS, UNSPECIFIED
from policies.attribute_register import AttributeQueryService, AttributeRegister
from policies.catalogue import Catalogue
from policies.errors import AssertionRejected

_OK = 200
_UNKNOWN = "urn:oasis:names:tc:SAML:2.0:status:UnknownPrincipal"
_NAME_FORMATS = frozenset({"", ATTRNAME_URI, ATTRNAME_BASIC, ATTRNAME_UNSPECIFIED})


class AttributeAuthority:
    """Asks one attribute authority. Implements `connectors.attribute_provider.AttributeProvider`.

    `entity_id` is ours there. A registration that cannot work is `Misconfigured` at start.
    """

    def __init__(
        self,
        *,
        register: AttributeRegister,
        catalogue: Catalogue,
        entity_id: str,
        fetcher: Fetcher,
        signer: Signers,
        unwrappers: Sequence[DecryptionKey] | DecryptionKeys,
    ) -> None:
        service = register.transport
        if not isinstance(service, AttributeQueryService):
            raise TypeError("a register of another kind")
        self.register, self._here, self._signer = register, Recipient(entity_id, ""), signer
        self._judge = RegisterJudge(register, catalogue)
        self._name_id_format, self._unwrappers = service.name_id_format, decrypting(unwrappers)
        try:
            said = read_attribute_authority(service.metadata, register.issuer)
            self._keys = tuple(key_of_certificate(certificate, SAML2INT) for certificate in said.certificates)
            judge_reading(service.metadata, parse_metadata(service.metadata), "the pinned file", elements=MAX_METADATA)
            judged_url(said.url, demo=fetcher.demo)
        except (ValueError, AssertionRejected, FetchError) as error:
            raise misconfigured(
                register.source,
                "metadata",
                f"The attribute authority's metadata cannot be used: {error}",
                "Ask its operator for the EntityDescriptor of this entityID, and pin that file.",
            ) from error
        if list(register.found_by.values()) != [""]:
            raise misconfigured(
                register.source,
                "found_by",
                "A SAML attribute authority finds a person by one NameID.",
                'Name one attribute there, and call it "NameID".',
            )
        self._url, self._line = said.url, Line(fetcher, register.networks)

    def ask(self, query: RegisterQuery, deadline: float) -> RegisterAnswer:
        """See `connectors.attribute_provider.AttributeProvider`."""
        # 1.
        name_id = self._judge.found_by(query)[""]
        asked = AttributeQuery(
            query_id=query.query_id,
            issue_instant=query.asked_at,
            destination=self._url,
            issuer=self._here.entity_id,
            name_id=name_id,
            name_id_format=self._name_id_format,
            names=self._judge.names(query),
        )
        signer = self._signer.at(query.asked_at)
        signed = sign_enveloped(query_element(asked), signer, place=REQUEST_SIGNATURE_PLACE, profile=SAML2INT)
        with self._line.turn(deadline - time.monotonic()) as turn:
            answer = turn.ask(self._url, content=in_envelope(signed), headers=SOAP_HEADERS, soap=True)
        return self.judge(answer, query, name_id)

    @foreseen
    def judge(self, answer: HttpAnswer, query: RegisterQuery, name_id: str) -> RegisterAnswer:
        """Steps 2 to 6. Raises `AssertionRejected` and its kinds."""
        now = query.asked_at
        # 2.
        if answer.status != _OK:
            raise AssertionRejected("register_status", f"the register answers {answer.status}")
        signed = signed_root(message_in(answer.body), self._keys, ENCRYPTED_RESPONSE, SAML2INT)
        response = read_signed_response(signed, encrypted=True)
        # 3.
        self._check_response(response, query)
        # 4.
        assertion = read_signed_assertion(open_assertion(signed, self._unwrappers(now), self._keys, SAML2INT))
        # 5.
        ends = self._check_assertion(assertion, query, name_id)
        # 6.
        said: dict[str, list[str]] = {}
        for attribute in assertion.attributes:
            if attribute.name_format not in _NAME_FORMATS:
                raise AssertionRejected("not_asked", "an attribute whose name is of another format")
            said.setdefault(attribute.name, []).extend(attribute.values)
        issued = assertion.issue_instant
        return self._judge.answer(query, [said], now, assertion.assertion_id, issued_at=issued, ends=ends)

    def _check_response(self, response: ResponseMessage, query: RegisterQuery) -> None:
        check_issued(response.issue_instant, query.asked_at, "response_issued", SAML2INT)
        if response.issuer != self.register.issuer:
            raise AssertionRejected("issuer", "a Response of another issuer")
        if response.in_response_to != query.query_id:
            raise AssertionRejected("in_response_to", "a Response to another question, or to none")
        if response.status != SUCCESS:
            check = "person_unknown" if response.sub_status == _UNKNOWN else "register_status"
            raise AssertionRejected(check, "the register reports a failure")
        if response.encrypted != 1:
            raise AssertionRejected("one_assertion", f"{response.encrypted} encrypted assertions")

    def _check_assertion(self, assertion: AssertionMessage, query: RegisterQuery, name_id: str) -> int:
        """The end of its use, without skew."""
        now = query.asked_at
        check_issued(assertion.issue_instant, now, "assertion_issued", SAML2INT)
        if assertion.issuer != self.register.issuer:
            raise AssertionRejected("issuer", "an assertion of another issuer")
        if assertion.subject is None or not self._is_about(assertion.subject, name_id):
            raise AssertionRejected("answer_subject", "an answer about another person than was asked about, or nobody")
        for confirmation in assertion.confirmations:
            # Nobody confirms anything to anybody here; but what is said has to be true (SAML Core 2.0 §2.4.1.2)
            if confirmation.in_response_to not in ("", query.query_id):
                raise AssertionRejected("subject_confirmation_in_response_to", "an assertion for another question")
            if confirmation.not_on_or_after is not None and now >= confirmation.not_on_or_after + SAML2INT.skew:
                raise AssertionRejected("subject_confirmation_expired", "a confirmation that has ended")
        check_conditions(assertion.conditions, self._here, now, SAML2INT)
        ends = assertion.conditions.not_on_or_after
        return assertion.issue_instant + MAX_AGE if ends is None else ends

    def _is_about(self, subject: NameIdentifier, name_id: str) -> bool:
        """Whether it strongly matches the Subject of the question (SAML Core 2.0 §3.3.4)."""
        formats = {self._name_id_format or UNSPECIFIED, UNSPECIFIED}
        qualified = subject.name_qualifier in ("", self.register.issuer)
        by_us = subject.sp_name_qualifier in ("", self._here.entity_id)
        return subject.value == name_id and subject.name_format in formats and qualified and by_us
