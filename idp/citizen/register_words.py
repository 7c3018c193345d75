"""What a register said of the earlier identity of a person, who asked for it on their page (decision 0086).

The person signs in once more, under a purpose that has `[matching]`. That sign-in releases nothing to anybody. The register
alone says the identifier, and it counts only where two of three facts agree.
"""

from dataclasses import dataclass, field

from idp.login.identity_links import LinkedIdentity
from idp.login.states import Decided
from policies.assurance import LevelOfAssurance
from policies.attribute_register import AttributeRegister
from policies.errors import NotFound
from policies.load import Configuration
from policies.parties import PurposeId
from policies.purposes import Purpose


@dataclass(frozen=True, slots=True)
class RegisterWord:
    """The identity that a register named for whoever signed in, and how surely; None where nothing counts."""

    purpose_id: PurposeId
    asker: bytes = field(repr=False)
    earlier: LinkedIdentity | None = field(repr=False)
    loa: LevelOfAssurance
    country: str


def asked_register(configuration: Configuration, purpose: Purpose) -> AttributeRegister:
    """The register that a purpose with `[matching]` asks. Raises `NotFound`."""
    need = purpose.needs.get(purpose.matching.identifier) if purpose.matching else None
    register = configuration.registers.get(need.sources[0]) if need else None
    if register is None:
        raise NotFound("no register says an earlier identifier under this purpose")
    return register


def word_of(decided: Decided, configuration: Configuration) -> RegisterWord | None:
    """What the register said in a sign-in that asked it; None of a sign-in to the page itself. Raises `NotFound`."""
    purpose = configuration.purposes.get(decided.request.purpose_id)
    if purpose is None or purpose.matching is None:
        return None
    register = asked_register(configuration, purpose)
    provider = configuration.providers[purpose.matching.provider_id]
    # The file that the sign-in was under says the same now. Nothing goes anywhere, so a fact that is lacking blocks nothing
    same = purpose.digest == decided.judged.policy
    known = [one.released for one in decided.decision.rulings if one.released is not None]
    named = purpose.matching.earlier(known) if same else ""
    earlier = LinkedIdentity(provider.namespace, named) if named else None
    loa = min(decided.judged.loa, register.loa)
    return RegisterWord(purpose.purpose_id, decided.judged.subject, earlier, loa, provider.country)
