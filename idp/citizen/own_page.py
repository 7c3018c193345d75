"""The frontend of the citizen's own page (`idp.login.frontend`): its service is the broker itself.

A login to it is one like any other up to the country's answer, always with a sign-in anew. Then stands the page in place of
a question. Nothing is released, to nobody, and no record is made. Its service and its purpose are in no folder: their ids
have a sign that no id of a registration has.
"""

from dataclasses import replace

from connectors.connector import Inbound, Outbound, Redirect
from connectors.signatures.jws import read_handle
from idp.login.frontend import Admit, NothingGoes, Received
from idp.login.identity_links import OWN_PAGE
from idp.login.role import Configurations
from idp.login.sealing import KEY_BYTES
from policies.assurance import LevelOfAssurance, level_named
from policies.authentication import AskedAttribute, Origin, ServiceRequest
from policies.errors import BrokerError, RequestRefused
from policies.load import Configuration
from policies.parties import ClientId, PurposeId, RelyingParty, Rule, Sector, ServiceId, Source, Translated
from policies.purposes import Basis, Controller, Purpose

NAME = OWN_PAGE
PATH, SIGN_IN, ERASE_PATH = "/me", "/me/sign-in", "/me/erase"
SERVICE, PURPOSE = ClientId(PATH), PurposeId(PATH)
# The fields of the form: the level that is asked for; the name of the visit beside which an earlier identity signs in, or
# under which purpose a register is asked for it
LEVEL, BESIDE, UNDER = "level", "beside", "purpose"
TITLE: Translated = {"en": "Your page: who got data about you"}
_SOURCE = Source("", 0)


def with_own_page(configuration: Configuration, issuer: str, *, matching: bool = False) -> Configuration:
    """The configuration with the page's own registration and purpose, which needs no attribute.

    With `matching` the page has the purposes, too, under which a register is asked for an earlier identifier.
    """
    asking = [one for one in configuration.purposes.values() if matching and one.matching is not None]
    party = RelyingParty(
        client_id=SERVICE,
        title=TITLE,
        sector=Sector(SERVICE),
        redirect_uris=(),
        purposes=(PURPOSE, *(one.purpose_id for one in asking)),
        attributes={name: Rule(need.form, need.source) for one in asking for name, need in one.needs.items()},
        source=_SOURCE,
        requester_id=issuer + PATH,
    )
    purpose = Purpose(
        purpose_id=PURPOSE,
        title=TITLE,
        basis=Basis.LEGAL_OBLIGATION,
        law={"en": "Regulation (EU) 2016/679, Article 15"},
        controller=Controller({"en": ""}, ""),
        needs={},
        minimum_assurance=LevelOfAssurance.LOW,
        digest="",
        source=_SOURCE,
    )
    return replace(
        configuration,
        parties={**configuration.parties, SERVICE: party},
        purposes={**configuration.purposes, PURPOSE: purpose},
    )


class WithOwnPage:
    """`idp.login.role.Configurations` in which the page is registered, too."""

    def __init__(self, configurations: Configurations, issuer: str, *, matching: bool) -> None:
        self._configurations, self._issuer, self._matching = configurations, issuer, matching
        self.now = with_own_page(configurations.now, issuer, matching=matching)

    @property
    def number(self) -> int:
        """`Configurations.number`."""
        return self._configurations.number

    def former(self, number: int) -> Configuration | None:
        """`Configurations.former`."""
        found = self._configurations.former(number)
        return None if found is None else with_own_page(found, self._issuer, matching=self._matching)


class OwnPage(NothingGoes):
    """The frontend. It answers no service. One tenant's."""

    what = "a sign-in to the citizen's own page"
    path = SIGN_IN
    signed = False
    own_page = True

    def __init__(self, issuer: str, configuration: Configuration) -> None:
        """`configuration` has the page itself: `with_own_page`."""
        self._issuer, self._configuration = issuer, configuration

    def receive(self, inbound: Inbound, now: int, admit: Admit) -> Received:
        """The form of our own page: the citizen wants to sign in, at a level that they may name."""
        level = level_named(inbound.parameters.get(LEVEL, LevelOfAssurance.LOW.label))
        beside = inbound.parameters.get(BESIDE, "")
        named = not beside or read_handle(beside, KEY_BYTES)
        under = PurposeId(inbound.parameters.get(UNDER, PURPOSE))
        known = under in self._configuration.parties[SERVICE].purposes and (beside or under == PURPOSE)
        if level is None or not named or not known or not set(inbound.parameters) <= {LEVEL, BESIDE, UNDER}:
            raise RequestRefused("a form with fields that the page does not have", code="other_site")
        admit(ServiceId(SERVICE))
        needs = self._configuration.purposes[under].needs
        request = ServiceRequest(
            origin=Origin(NAME, ServiceId(SERVICE), SERVICE, protocol=beside),
            purpose_id=under,
            asked=tuple(AskedAttribute(name, need.form) for name, need in needs.items()),
            unknown=(),
            minimum_assurance=level,
            force_authentication=True,
        )
        return Received(request)

    def check_registered(self, origin: Origin) -> None:
        """It always is."""

    def check_answerable(self, origin: Origin, now: int, *, release: bool) -> None:
        """The page needs no key."""

    def refuse(self, origin: Origin, error: BrokerError, now: int, answer_key: bytes = b"") -> Outbound:
        """Back to the page, which then shows nothing."""
        return Redirect(self._issuer + PATH)
