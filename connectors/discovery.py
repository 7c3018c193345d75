"""The SAML discovery protocol, both ways: which identity provider is asked (Identity Provider Discovery Service Protocol).

A service sends a browser to a discovery service, with the address to which it returns:

    GET https://discovery.example/?entityID=SERVICE&return=https%3A%2F%2Fservice.example%2Flogin&isPassive=false
    Location: https://service.example/login?entityID=PROVIDER                  or without it: nobody was chosen

Pure. A browser goes nowhere but where the service's metadata has an `idpdisc:DiscoveryResponse`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode

from connectors.formats.grammar import MAX_TEXT
from connectors.wire.names import DISCOVERY
from policies.errors import RequestRefused
from policies.load.redirects import fault_of_address

SINGLE = f"{DISCOVERY}:single"
USUAL_PARAMETER = "entityID"
# Parameters of ours beside those of the protocol stand in the same query
PARAMETERS = frozenset({"entityID", "return", "returnIDParam", "policy", "isPassive"})
# A return address holds where the citizen wanted to go
MAX_RETURN = 2048
_PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class DiscoveryRequest:
    """A request of a service that is registered: where its browser goes back, and under which name the answer stands."""

    returns: str
    parameter: str
    passive: bool

    def answer(self, chosen: str) -> str:
        """The address with the entity id that was chosen; "" for nobody (§2.4.3)."""
        if not chosen:
            return self.returns
        mark = "&" if "?" in self.returns else "?"
        return f"{self.returns}{mark}{self.parameter}={quote(chosen, safe='')}"


def discovery_request(parameters: Mapping[str, str], responses: Sequence[str]) -> DiscoveryRequest:
    """Judge a request. `responses` are the addresses of the service's metadata, the default one first (§2.4.1).

    Raises `RequestRefused`: nobody is sent anywhere.
    """
    responses = [one for one in responses if not fault_of_address(one)]
    if not responses:
        raise RequestRefused("a service whose metadata has no DiscoveryResponse that a browser may be sent to")
    if parameters.get("policy", SINGLE) != SINGLE:
        raise RequestRefused("a policy of discovery that we do not know")
    passive = _FLAGS.get(parameters.get("isPassive", "false"))
    if passive is None:
        raise RequestRefused("an isPassive that is neither true nor false")
    parameter = parameters.get("returnIDParam", USUAL_PARAMETER)
    if not _PARAMETER.fullmatch(parameter):
        raise RequestRefused("a returnIDParam that is no name of a parameter")
    returns = parameters.get("return", responses[0])
    if len(returns) > MAX_RETURN or fault_of_address(returns):
        raise RequestRefused("a return address that is too long, or none")
    if not any(_leads_to(returns, one) for one in responses):
        raise RequestRefused("a return address that the service's metadata has not")
    if parameter in {name for name, _ in parse_qsl(_parts(returns)[1], keep_blank_values=True)}:
        raise RequestRefused("a return address with the parameter that the answer brings")
    return DiscoveryRequest(returns, parameter, passive)


def asked_discovery(service_url: str, entity_id: str, returns: str) -> str:
    """The address of a discovery service, with our request: whom the browser may choose is asked there."""
    asked = {
        "entityID": entity_id,
        "return": returns,
        "returnIDParam": USUAL_PARAMETER,
        "policy": SINGLE,
        "isPassive": "false",
    }
    return f"{service_url}{'&' if '?' in service_url else '?'}{urlencode(asked, quote_via=quote, safe='')}"


def chosen_entity(parameters: Mapping[str, str]) -> str:
    """The entity id that a discovery service answered; "" where nobody was chosen. Raises `RequestRefused`."""
    found = parameters.get(USUAL_PARAMETER, "")
    if len(found) > MAX_TEXT or not found.isprintable():
        raise RequestRefused("an entityID that is too long, or none")
    return found


def _leads_to(returns: str, response: str) -> bool:
    """Whether scheme, host, port and path are the same sign by sign, and what query the metadata has is there."""
    (place, query), (known, needed) = _parts(returns), _parts(response)
    return place == known and _pairs(needed) <= _pairs(query)


def _parts(address: str) -> tuple[str, str]:
    place, _, query = address.partition("?")
    return place, query


def _pairs(query: str) -> set[tuple[str, str]]:
    return set(parse_qsl(query, keep_blank_values=True))
