"""Good messages, and where each kind is judged by POST."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.attacks.case import Entrance
from connectors.attacks.messages.making import Bench, Draft, draft, fresh
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
from connectors.attacks.responses.signing import NEWER, How
from connectors.formats.eidas.registry import EIDAS as EIDAS_NAMESPACE
from connectors.formats.eidas.registry import MINIMUM, NATURAL
from connectors.formats.grammar import written
from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.algorithms import RSA_SHA256
from connectors.wire.names import ATTRNAME_URI, PERSISTENT, POST, SUCCESS

PSS_SHA256 = f"{NEWER}sha256-rsa-MGF1"
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
class Benches:
    """The entrances by POST. `typed_node` is a node whose metadata says its SPType.

    `nothing` are those of expectations of which a part is empty, and which nothing may match: inspection takes none such.
    """

    authn: Bench
    node: Bench
    logout_request: Bench
    logout_response: Bench
    typed_node: Bench
    nothing: Mapping[str, Bench]

    @property
    def each(self) -> tuple[Bench, ...]:
        """The four kinds of message."""
        return self.authn, self.node, self.logout_request, self.logout_response


def benches(parties: Parties) -> Benches:
    """All entrances, prepared once."""
    drafts, now = Drafts(parties), parties.now
    sp, node, typed = parties.sp_metadata, parties.node_metadata(), parties.node_metadata("private")
    of_sp = arguments("authn-request", "--sp-metadata", SSO, SAML2INT, now)
    of_node = arguments("authn-request", "--sp-metadata", NODE_SSO, EIDAS, now)
    of_logout = arguments("logout-request", "--metadata", SLO, SAML2INT, now)
    answering = arguments("logout-response", "--metadata", SLO, SAML2INT, now, "--request-id", parties.our_request)
    answer_judge = logout_response_judge(parties, parties.our_request)

    def of_provider(entrance: Entrance, make: Make, other: Make) -> Bench:
        how = How(method=RSA_SHA256)
        return Bench(entrance.name, entrance, parties.sp, how, make, parties.stranger, other, now)

    def of_country(entrance: Entrance) -> Bench:
        how = How(method=PSS_SHA256)
        strange, other = parties.stranger, drafts.logout_request
        return Bench(entrance.name, entrance, parties.node, how, drafts.node_request, strange, other, now)

    def empty(what: str, parameter: str, judge: Judge, make: Make) -> Bench:
        name = f"nothing expected: {what}"
        return of_provider(by_post(name, parameter, judge, None, sp), make, drafts.logout_request)

    ask, end, answer = drafts.authn_request, drafts.logout_request, drafts.logout_response
    return Benches(
        authn=of_provider(by_post("authn-request saml2int", "SAMLRequest", authn_judge(parties), of_sp, sp), ask, end),
        node=of_country(by_post("authn-request eidas", "SAMLRequest", node_judge(parties, node), of_node, node)),
        logout_request=of_provider(
            by_post("logout-request", "SAMLRequest", logout_request_judge(parties), of_logout, sp), end, answer
        ),
        logout_response=of_provider(by_post("logout-response", "SAMLResponse", answer_judge, answering, sp), answer, end),
        typed_node=of_country(
            by_post("authn-request eidas typed", "SAMLRequest", node_judge(parties, typed), of_node, typed)
        ),
        nothing={
            "requests of nobody": empty("requests of nobody", "SAMLRequest", authn_judge(parties, entity_id=""), ask),
            "requests to nowhere": empty("requests to nowhere", "SAMLRequest", authn_judge(parties, here=""), ask),
            "logout of nobody": empty("logout of nobody", "SAMLRequest", logout_request_judge(parties, issuer=""), end),
            "logout to nowhere": empty(
                "logout to nowhere", "SAMLRequest", logout_request_judge(parties, destination=""), end
            ),
            "logout that nobody asked": empty(
                "logout that nobody asked", "SAMLResponse", logout_response_judge(parties, ""), answer
            ),
        },
    )
