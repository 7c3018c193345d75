"""Nodes' metadata as deployed software publishes it: each named deviation, and the same with one thing more."""

from collections.abc import Iterator, Mapping

from connectors.attacks.case import Case, refused
from connectors.attacks.registrations.described import Bench
from connectors.attacks.registrations.entrances import registered
from connectors.attacks.signing import Edit, swap
from policies.deviations import NO_PROTOCOL_VERSION, REGISTERED_COUNTRY

DEVIATIONS, VALID = "metadata: deviations", "valid deviations of metadata"
_COUNTRY = "<eidas:NodeCountry>EE</eidas:NodeCountry>"
_ROLE_END = "</md:IDPSSODescriptor>"
_VALUE = "<saml:AttributeValue>{}</saml:AttributeValue>"
_HIGH = _VALUE.format("http://eidas.europa.eu/LoA/high")
_VERSIONS = "".join(_VALUE.format(version) for version in ("1.4", "1.3", "1.2"))
_GENDER = "http://eidas.europa.eu/attributes/naturalperson/Gender"


def deviating(bench: Bench) -> Iterator[Case]:
    """Those that are on for every node, and those that a registration switches on."""
    here = bench.at(registered(bench.holder, bench.now, "node metadata, approved", approved=True))
    yield from here.all_accepted(VALID, {what: here.signed(edit) for what, edit in _USUAL.items()})
    yield from here.all_refused(DEVIATIONS, "metadata", {what: here.signed(edit) for what, edit in _MORE.items()})
    for what, edit in _UNUSABLE.items():
        yield refused(DEVIATIONS, what, here.entrance, here.signed(edit), "country_unavailable")
    yield from _registered(bench)


def _supported(name_format: str = "", name: str = _GENDER) -> Edit:
    """One more attribute that the node says it supports."""
    return swap(_ROLE_END, f'<saml:Attribute Name="{name}"{name_format}/>{_ROLE_END}')


def _versions(*values: str) -> Edit:
    return swap(_VERSIONS, "".join(map(_VALUE.format, values)))


def _levels(*values: str) -> Edit:
    return swap(_HIGH, _HIGH + "".join(map(_VALUE.format, values)))


_USUAL: Mapping[str, Edit] = {
    "an attribute without its format": _supported(),
    "a version of three numbers": _versions("1.4.1"),
    "a version of ours beside an unknown one": _versions("2.0", "1.9", "1.3"),
    "words beside a level": _levels("High", "Substantial", "Low"),
}
_MORE: Mapping[str, Edit] = {
    "an attribute of another format": _supported(' NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:basic"'),
    "an attribute without format and name": _supported(name=""),
    "an attribute whose name no uri has": _supported(name="Gender of a citizen"),
    "no country": swap(_COUNTRY, ""),
}
_UNUSABLE: Mapping[str, Edit] = {
    "a version of four numbers": _versions("1.4.1.1"),
    "a later version alone": _versions("1.5"),
    "an older version alone": _versions("1.1"),
    "no version": lambda text: text.replace(_VERSIONS, ""),
}


def _registered(bench: Bench) -> Iterator[Case]:
    """A country, or a version, that its registration stands in for: never one that the metadata contradicts."""
    by = registered(
        bench.holder,
        bench.now,
        "node metadata, whose registration stands in",
        approved=True,
        deviations=frozenset({REGISTERED_COUNTRY, NO_PROTOCOL_VERSION}),
    )
    here = bench.at(by)
    yield here.accepted(VALID, "all that is needed", here.signed())
    yield here.accepted(VALID, "no country", here.signed(swap(_COUNTRY, "")))
    yield here.accepted(VALID, "no version", here.signed(lambda text: text.replace(_VERSIONS, "")))
    other = swap(_COUNTRY, _COUNTRY.replace("EE", "LV"))
    yield here.refused(DEVIATIONS, "another country", here.signed(other), "metadata_country")
    elsewhere = f"<md:RoleDescriptor>{_COUNTRY.replace('EE', 'LV')}</md:RoleDescriptor></md:EntityDescriptor>"

    def said_elsewhere(text: str) -> str:
        return text.replace(_COUNTRY, "").replace("</md:EntityDescriptor>", elsewhere)

    yield here.refused(DEVIATIONS, "no country, and another elsewhere", here.signed(said_elsewhere), "metadata")
    yield here.refused(DEVIATIONS, "an empty country", here.signed(swap(">EE<", "><")), "metadata")
    yield refused(DEVIATIONS, "an unknown version", by, here.signed(_versions("9.9")), "country_unavailable")
