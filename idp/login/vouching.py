"""Whether an identity provider's word counts now, and whether it can be asked."""

from dataclasses import replace
from datetime import date

from idp.login.acting import check_mandate
from idp.login.eligible import Nodes, unasked_of
from idp.login.registers import RegisterDesk
from idp.login.role import Reach
from idp.login.suspension import Suspension
from policies.authentication import Offered, ServiceRequest
from policies.bounded import Bounded
from policies.catalogue import MANDATE
from policies.errors import PeerUnavailable
from policies.parties import IdentityProvider, Peer
from policies.release import Decision, without_unasked


class Vouching:
    """One city's knowledge of its sources, as far as anybody knows it at this moment."""

    def __init__(self, nodes: Nodes, suspension: Suspension, registers: RegisterDesk) -> None:
        self._nodes, self._suspension, self.registers = nodes, suspension, registers

    def decided(
        self, request: ServiceRequest, provider: IdentityProvider, terms: Bounded, offered: Offered, on: date, now: int
    ) -> tuple[Decision, int]:
        """The decision about what a provider sent, and of what registers say beside it. It holds until then; 0: for good.

        Raises `RegisterAway`, and `PersonNotTaken` for a mandate of a register that does not do.
        """
        known = replace(offered, sphere=provider.sphere, only_for=provider.saml.only_for)
        whole = self.registers.supplemented(request, terms, provider.provider_id, known, on, now)
        unasked = unasked_of(request, provider, terms.terms.purpose, terms.terms.catalogue)
        decision = terms.decide(request.asked, whole, on)
        # An enforced registration ends a blocked login, in which perhaps no register was asked
        over = terms.terms.party.enforce and bool(decision.blocked) and MANDATE not in whole.attributes
        check_mandate(whole, terms.terms.purpose, on, later=over)
        ends = min((one.ends for one in whole.sources.values() if one.ends), default=0)
        return without_unasked(decision, unasked), ends

    def digest(self, provider: IdentityProvider, now: int) -> str:
        """The digest of what counts of a country's node or a federation's member, "" of a pinned provider.

        Raises `PeerUnavailable`.
        """
        return "" if provider.pinned else self._nodes.digest(provider, now)

    def is_known(self, provider: IdentityProvider, now: int) -> bool:
        """A pinned identity provider always is; a country's node while its metadata holds."""
        return not isinstance(provider.peer, Peer) or self._holds(provider, now)

    def stands(self, provider: IdentityProvider, now: int) -> bool:
        """The same, and of a federation's member, too."""
        return self.is_known(provider, now) and (not provider.federation or self._holds(provider, now))

    def reach(self, provider: IdentityProvider, now: int) -> Reach:
        """Whether it can be asked. Of a family nobody knows: each member stands for itself."""
        if self._suspension.source_off(provider):
            return Reach.OFF
        known = provider.pinned and not provider.fetched
        reached = known or provider.members or self._nodes.available(provider, now)
        return Reach.OPEN if reached else Reach.AWAY

    def _holds(self, provider: IdentityProvider, now: int) -> bool:
        """Whether its metadata holds. Whoever does not answer now has said what they said."""
        try:
            return self._nodes.current(provider, now) is not None
        except PeerUnavailable:
            return False
