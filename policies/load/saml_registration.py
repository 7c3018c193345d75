"""`providers/*.toml` with `protocol = "saml"`: how we ask the identity provider, and how much of its answer counts."""

import re
from collections.abc import Collection

from policies.deviations import AES_CBC, NO_SCOPING
from policies.load.federation import read_marks
from policies.load.peers import read_networks
from policies.load.redirects import fault_of_address
from policies.load.table import URI, Table
from policies.registrations.saml_registration import SamlRegistration

KEYS = (
    *("discovery", "answers", "authn_context", "proxies", "tell_requester", "authorities", "scopes", "certified"),
    "only_for",
    *("client_certificate", "landings", "speaks_for", "qualified_issuer"),
)
_ANSWERS = {word: word for word in ("post", "artifact")}
_COMPARISONS = {word: word for word in ("exact", "minimum")}
# A chain of more proxies than this is a loop
MAX_PROXIES = 8
# shibmd:Scope, as the domain of an address
_SCOPE = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,125}[a-z0-9])?")
_SPEAKS_FOR = {word: word for word in ("bodies",)}
# Attributes of which each entity that asks gets another value: pairwise-id, eduPersonTargetedID
_OF_EACH_ENTITY = ("urn:oasis:names:tc:SAML:attribute:pairwise-id", "urn:oid:1.3.6.1.4.1.5923.1.1.1.10")
_OF_A_PROXY = ("proxies", "tell_requester", "authorities")
_ONLY_FOR_FIX = 'write only_for = ["https://refeds.org/category/code-of-conduct/v2"], or leave it out.'
_DISCOVERY_FIX = 'write discovery = "https://ds.federation.example/", or leave it out.'
_LANDINGS_FIX = 'write [landings] with lines such as "RelayState" = "https://service.example/login".'


def read_saml_registration(table: Table, deviations: Collection[str]) -> SamlRegistration:
    """Our registration. Problems go to the table's list."""
    if NO_SCOPING in deviations:
        for key in _OF_A_PROXY:
            if key in table:
                what = f"is for a proxy, and {NO_SCOPING} says that this provider takes no Scoping."
                table.problem(key, what, f"leave out {key}, or the deviation.")
    found = SamlRegistration(
        answers=table.choice("answers", _ANSWERS, "post", required=False),
        discovery=_discovery(table),
        comparison=table.choice("authn_context", _COMPARISONS, "", required=False),
        proxies=_proxies(table),
        tells_requester=table.flag("tell_requester"),
        authorities=_each(table, "authorities", URI, 'write authorities = ["ENTITY ID"], or leave it out.'),
        scopes=_each(table, "scopes", _SCOPE, 'write scopes = ["city.example"], in small letters, or leave it out.'),
        certified=_each(table, "certified", URI, 'write certified = ["https://refeds.org/sirtfi"], or leave it out.'),
        only_for=read_marks(table, "only_for", _ONLY_FOR_FIX),
        networks=read_networks(table),
        client_certificate=table.flag("client_certificate"),
        landings=_landings(table),
        qualified_issuer=table.flag("qualified_issuer"),
        speaks_for=table.choice("speaks_for", _SPEAKS_FOR, "", required=False),
    )
    if found.client_certificate and not found.fetched:
        fix = 'write answers = "artifact", or leave it out.'
        table.problem("client_certificate", "is for answers that we fetch.", fix)
    if found.tells_requester and found.proxies is None:
        fix = "write proxies = 1: how many proxies may stand behind it."
        table.problem("tell_requester", "is for a provider that is a proxy.", fix)
    if found.speaks_for:
        _check_bodies(table, deviations)
    return found


def _check_bodies(table: Table, deviations: Collection[str]) -> None:
    """A citizen is the same for each body, and each body's metadata names the common key alone."""
    if table.take("subject") in (None, *_OF_EACH_ENTITY):
        what = "needs an identifier that is the same for each body: a NameID and a pairwise-id are not."
        table.problem("speaks_for", what, "name the attribute that identifies everywhere as `subject`, or leave it out.")
    if AES_CBC in deviations:
        what = f"stands beside {AES_CBC}, whose key is in no body's metadata."
        table.problem("speaks_for", what, "leave out one of the two.")


def _discovery(table: Table) -> str:
    url = table.text("discovery", _DISCOVERY_FIX, default="")
    if url and (fault := fault_of_address(url)):
        table.problem("discovery", fault, _DISCOVERY_FIX)
    if url and "members" not in table:
        table.problem(
            "discovery", "is for many, and this file stands for one provider.", 'leave it out, or write members = "all".'
        )
    return url


def _proxies(table: Table) -> int | None:
    value = table.take("proxies")
    if value is None:
        return None
    if type(value) is int and 0 <= value <= MAX_PROXIES:
        return value
    table.problem("proxies", f"must be a whole number from 0 to {MAX_PROXIES}.", "write proxies = 1, or leave it out.")
    return 0


def _each(table: Table, key: str, pattern: re.Pattern[str], fix: str) -> tuple[str, ...]:
    found = table.texts(key, fix, required=key in table)
    for index, text in enumerate(found):
        if not pattern.fullmatch(text):
            table.problem(key, f"{text!r} is spelled in a way that we do not accept.", fix, str(index))
    return found


def _landings(table: Table) -> dict[str, str]:
    """RelayState -> the address of a service's own sign-in. No address that a message brings is ever one."""
    read = table.table("landings", _LANDINGS_FIX, required=False)
    if read is None:
        return {}
    found = {state: read.text(state, _LANDINGS_FIX) for state in read.names()}
    for state, url in found.items():
        if url and (fault := fault_of_address(url)):
            read.problem(state, fault, _LANDINGS_FIX)
    if not found:
        table.problem("landings", "is empty, and empty means nothing at all.", _LANDINGS_FIX)
    return found
