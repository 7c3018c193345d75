"""Good messages, and where each kind is judged by POST."""

from dataclasses import dataclass

from connectors.formats.eidas.registry import EIDAS as EIDAS_NAMESPACE
from connectors.formats.eidas.registry import MINIMUM, NATURAL
from connectors.formats.grammar import written
from connectors.formats.names import ATTRNAME_URI, PERSISTENT, POST, SUCCESS
from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.algorithms import RSA_SHA256
from idp.selftest.messages.making import Bench, Draft, draft, fresh
from idp.selftest.messages.parties import (
    ACS,
    NODE,
    NODE_SSO,
    SLO,
    SP,
    SSO,
    Parties,
    arguments,
    authn_judge,
    by_post,
    logout_request_judge,
    logout_response_judge,
    node_judge,
)
from idp.selftest.responses.signing import NEWER, How

PSS_SHA256 = f"{NEWER}sha256-rsa-MGF1"
LOA = "http://eidas.europa.eu/LoA/"
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
    """The four entrances by POST."""

    authn: Bench
    node: Bench
    logout_request: Bench
    logout_response: Bench

    @property
    def each(self) -> tuple[Bench, ...]:
        """All of them."""
        return self.authn, self.node, self.logout_request, self.logout_response


def benches(parties: Parties) -> Benches:
    """All entrances, prepared once."""
    drafts, now = Drafts(parties), parties.now
    sp, node = parties.sp_metadata, parties.node_metadata
    of_sp = arguments("authn-request", "--sp-metadata", SSO, SAML2INT, now)
    of_node = arguments("authn-request", "--sp-metadata", NODE_SSO, EIDAS, now)
    of_logout = arguments("logout-request", "--metadata", SLO, SAML2INT, now)
    answering = arguments("logout-response", "--metadata", SLO, SAML2INT, now, "--request-id", parties.our_request)
    pkcs1, pss = How(method=RSA_SHA256), How(method=PSS_SHA256)
    entrances = (
        by_post("authn-request saml2int", "SAMLRequest", authn_judge(parties), of_sp, sp),
        by_post("authn-request eidas", "SAMLRequest", node_judge(parties), of_node, node),
        by_post("logout-request", "SAMLRequest", logout_request_judge(parties), of_logout, sp),
        by_post("logout-response", "SAMLResponse", logout_response_judge(parties), answering, sp),
    )
    made = (drafts.authn_request, drafts.node_request, drafts.logout_request, drafts.logout_response)
    others = (drafts.logout_request, drafts.logout_request, drafts.logout_response, drafts.logout_request)
    found = [
        Bench(
            where=entrance.name,
            entrance=entrance,
            holder=parties.node if entrance is entrances[1] else parties.sp,
            how=pss if entrance is entrances[1] else pkcs1,
            draft=one,
            strange=parties.stranger,
            other=other,
            now=now,
        )
        for entrance, one, other in zip(entrances, made, others, strict=True)
    ]
    return Benches(*found)
