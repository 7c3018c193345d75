"""Good messages, and where each kind is judged by POST."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.attacks.messages.making import Draft, MessageBench, draft, fresh
from connectors.attacks.messages.parties import (
    ACS,
    NODE,
    NODE_SSO,
    SLO,
    SP,
    SSO,
    Judge,
    Parties,
    arguments,
    authn_judge,
    by_post,
    logout_request_judge,
    logout_response_judge,
    node_judge,
)
from connectors.attacks.signing import How
from connectors.formats.eidas.registry import EIDAS as EIDAS_NAMESPACE
from connectors.formats.eidas.registry import MINIMUM, NATURAL
from connectors.formats.grammar import written
from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.algorithms import RSA_PSS_SHA256, RSA_SHA256
from connectors.wire.names import ATTRNAME_URI, PERSISTENT, POST, SUCCESS

LOA = "http://eidas.europa.eu/LoA/"
Make = Callable[[], Draft]
BY_PERSON = "urn:oasis:names:tc:SAML:2.0:logout:user"


@dataclass(frozen=True, slots=True)
class Drafts:
    """Good messages, each with an ID of its own."""

    parties: Parties

    def authn_request(self) -> Draft:
        """A service provider's question."""
        children = (
            f'<samlp:NameIDPolicy AllowCreate="true" Format="{PERSISTENT}"/>'
            '<samlp:RequestedAuthnContext Comparison="minimum">'
            f"<saml:AuthnContextClassRef>{LOA}substantial</saml:AuthnContextClassRef></samlp:RequestedAuthnContext>"
        )
        said = {"Destination": SSO, "AssertionConsumerServiceURL": ACS, "ProtocolBinding": POST, "ForceAuthn": "true"}
        return draft("AuthnRequest", SP, children, self.parties.now, **said)

    def node_request(self) -> Draft:
        """A node's question for the minimum data set of a natural person."""
        asked = "".join(
            f'<eidas:RequestedAttribute FriendlyName="{NATURAL[name].friendly_name}" Name="{name}"'
            f' NameFormat="{ATTRNAME_URI}" isRequired="true"/>'
            for name in MINIMUM
        )
        children = (
            f'<samlp:Extensions xmlns:eidas="{EIDAS_NAMESPACE}"><eidas:SPType>public</eidas:SPType>'
            f"<eidas:RequestedAttributes>{asked}</eidas:RequestedAttributes></samlp:Extensions>"
            f'<samlp:NameIDPolicy AllowCreate="true" Format="{PERSISTENT}"/>'
            '<samlp:RequestedAuthnContext Comparison="minimum">'
            f"<saml:AuthnContextClassRef>{LOA}substantial</saml:AuthnContextClassRef></samlp:RequestedAuthnContext>"
        )
        said = {"Destination": NODE_SSO, "ForceAuthn": "true", "IsPassive": "false", "ProviderName": "Self-test"}
        return draft("AuthnRequest", NODE, children, self.parties.now, **said)

    def logout_request(self) -> Draft:
        """Ends one session of somebody who is invented, and visibly so."""
        children = (
            f'<saml:NameID Format="{PERSISTENT}" SPNameQualifier="{SP}">nobody-of-the-selftest</saml:NameID>'
            f"<samlp:SessionIndex>{fresh()}</samlp:SessionIndex>"
        )
        said = {"Destination": SLO, "NotOnOrAfter": written(self.parties.now + 300), "Reason": BY_PERSON}
        return draft("LogoutRequest", SP, children, self.parties.now, **said)

    def logout_response(self) -> Draft:
        """Answers our request."""
        children = f'<samlp:Status><samlp:StatusCode Value="{SUCCESS}"/></samlp:Status>'
        said = {"Destination": SLO, "InResponseTo": self.parties.our_request}
        return draft("LogoutResponse", SP, children, self.parties.now, **said)


@dataclass(frozen=True, slots=True)
class MessageBenches:
    """The entrances by POST. `typed_node` is a node whose metadata says its SPType.

    `nothing` are those of expectations of which a part is empty, and which nothing may match: inspection takes none such.
    """

    authn: MessageBench
    node: MessageBench
    logout_request: MessageBench
    logout_response: MessageBench
    typed_node: MessageBench
    nothing: Mapping[str, MessageBench]

    @property
    def each(self) -> tuple[MessageBench, ...]:
        """The four kinds of message."""
        return self.authn, self.node, self.logout_request, self.logout_response


def message_benches(parties: Parties) -> MessageBenches:
    """Prepare all entrances once."""
    drafts, now = Drafts(parties), parties.now
    sp, node, typed = parties.sp_metadata, parties.node_metadata(), parties.node_metadata("private")
    of_node = arguments("authn-request", "--sp-metadata", NODE_SSO, EIDAS, now)
    ask, end, answer = drafts.authn_request, drafts.logout_request, drafts.logout_response

    def of_provider(name: str, judge: Judge, make: Make, other: Make, asked: tuple[str, ...] | None = None) -> MessageBench:
        parameter, how = "SAMLResponse" if make == answer else "SAMLRequest", How(method=RSA_SHA256)
        entrance = by_post(name, parameter, judge, asked, sp)
        return MessageBench(name, entrance, parameter, parties.sp, parties.sp_next, how, make, parties.stranger, other, now)

    def of_country(name: str, metadata: bytes) -> MessageBench:
        parameter, how, make = "SAMLRequest", How(method=RSA_PSS_SHA256), drafts.node_request
        entrance = by_post(name, parameter, node_judge(parties, metadata), of_node, metadata)
        return MessageBench(
            name, entrance, parameter, parties.node, parties.node_next, how, make, parties.stranger, end, now
        )

    def empty(what: str, judge: Judge, make: Make) -> MessageBench:
        return of_provider(f"nothing expected: {what}", judge, make, end)

    of_sp = arguments("authn-request", "--sp-metadata", SSO, SAML2INT, now)
    of_logout = arguments("logout-request", "--metadata", SLO, SAML2INT, now)
    answering = arguments("logout-response", "--metadata", SLO, SAML2INT, now, "--request-id", parties.our_request)
    nothing = {
        "requests of nobody": (authn_judge(parties, entity_id=""), ask),
        "requests to nowhere": (authn_judge(parties, here=""), ask),
        "logout of nobody": (logout_request_judge(parties, issuer=""), end),
        "logout to nowhere": (logout_request_judge(parties, destination=""), end),
        "logout that nobody asked": (logout_response_judge(parties, request_id=""), answer),
    }
    return MessageBenches(
        authn=of_provider("authn-request saml2int", authn_judge(parties), ask, end, of_sp),
        node=of_country("authn-request eidas", node),
        logout_request=of_provider("logout-request", logout_request_judge(parties), end, answer, of_logout),
        logout_response=of_provider("logout-response", logout_response_judge(parties), answer, end, answering),
        typed_node=of_country("authn-request eidas typed", typed),
        nothing={what: empty(what, judge, make) for what, (judge, make) in nothing.items()},
    )
