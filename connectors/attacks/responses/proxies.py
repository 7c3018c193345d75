"""Proxies: an answer says who signed the citizen in behind a provider, strangers, nobody, too many, and we ourselves."""

from collections.abc import Iterator

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.responses import parties
from connectors.attacks.responses.recipes import sent
from connectors.attacks.responses.settings import Make, ResponseWorld, Table, refused
from connectors.attacks.xml_signer import before

PROXIES = "proxies"
_STRANGER = "https://stranger.selftest.example/idp"


def signed_in_by(*authorities: str) -> Make:
    """An answer that names these, in the schema's place."""
    named = "".join(f"<saml:AuthenticatingAuthority>{one}</saml:AuthenticatingAuthority>" for one in authorities)
    return sent(spelled=before("</saml:AuthnContext>", named))


def proxies(world: ResponseWorld) -> Iterator[AttackCase]:
    """The registration names one home organisation, and the question takes two proxies at the most."""
    home = parties.HOME
    table: Table = {
        "authority": {
            "nobody": sent(),
            "a-stranger": signed_in_by(_STRANGER),
            "a-stranger-beside-the-right-one": signed_in_by(home, _STRANGER),
            "with-a-slash-more": signed_in_by(f"{home}/"),
            "in-capitals": signed_in_by(home.upper()),
        },
        "authority_loop": {
            "ourselves": signed_in_by(parties.SP),
            "ourselves-behind-another": signed_in_by(home, parties.SP),
        },
        "authority_count": {"three-where-two-are-asked": signed_in_by(*[home] * 3), "one-without-a-name": signed_in_by("")},
    }
    yield from refused(PROXIES, (*world.plain, world.encrypted), table, entrance=world.entrances["proxy"])
