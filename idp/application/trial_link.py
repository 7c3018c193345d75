"""Makes the link of a test login, for `ciconia try`: beside a running broker, whose database it lies in for its minutes."""

from pathlib import Path

from idp.application.load import load_all
from idp.keys.hourly_keys import HourlyKeys
from idp.login.eligible import serves
from idp.login.sealing import Sealer
from idp.ports import Unit
from idp.protocols.oidc.requests.request import PURPOSE_SCOPE
from idp.protocols.oidc.trial import judged_trial, new_link, trial_request
from idp.store.sealing_rows import StoredSealingKeys
from idp.store.store import open_store
from idp.store.switches.switch import KEY
from idp.store.switches.switches import Switches
from idp.system.clock import system_clock
from policies.errors import Misconfigured, Problem, RequestRefused
from policies.load.table import nearest
from policies.parties import ClientId

_NO_PROVIDER = 'Write test = "only" into the file of a provider whose persons are made up, and put it in force.'


def trial_link(folder: Path, name: str, *, purpose: str = "", scope: str = "", claims: str = "") -> str:
    """A link for one test login of a service. `scope` and `claims` are those of its own request, beside the purpose's.

    Raises `Misconfigured` where the folder has no such service, or nobody to sign in, and `StoreUnavailable`.
    """
    settings, configuration, keys = load_all(folder)
    party = configuration.clients.get(ClientId(name))
    if party is None:
        raise _refused("PARTY", f"no service is registered as {name!r}.", nearest(name, configuration.clients))
    wanted = purpose or (party.purposes[0] if len(party.purposes) == 1 else "")
    if not wanted:
        raise _refused("--purpose", "it has several purposes.", f"Name one of {', '.join(party.purposes)}.")
    parameters = trial_request(party, scope=f"openid {PURPOSE_SCOPE}{wanted} {scope}".strip(), claims=claims)
    try:
        request = judged_trial(parameters, configuration.clients, configuration.purposes, configuration.catalogue)
    except RequestRefused as error:
        raise _refused("--scope", error.detail, "Ask as the service itself may ask.") from None
    found = configuration.purposes[request.purpose_id]
    if not any(serves(provider, request, found) for provider in configuration.providers.values()):
        raise _refused("providers", "no provider of made-up persons may answer a test login.", _NO_PROVIDER)
    store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys.ledger)
    try:
        switches = Switches(engine=store.engine, tenant=settings.tenant, keys=keys.ledger)
        sealing = HourlyKeys(
            tenant=settings.tenant,
            wrapping=keys.sealing,
            rows=StoredSealingKeys(engine=store.engine, tenant=settings.tenant),
            clock=system_clock,
            revoked=lambda key_id: switches.off_since(KEY, key_id),
        )
        sealer = Sealer(tenant=settings.tenant, keys=sealing)
        link, row = new_link(settings.issuer, sealer, parameters, system_clock())
        store.commit(Unit(tenant=settings.tenant, parked=(row,)))
    finally:
        store.close()
    return link


def _refused(where: str, what: str, fix: str) -> Misconfigured:
    return Misconfigured((Problem("try", 0, where, what, fix),))
