"""Finds settings of the auditors' desk and the operator's pages that do not fit those of the broker."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from idp.config.setting_types import AuditorSettings, ConsoleSettings
from idp.system.port_clash import clash

# Key, what is wrong, and how to mend it
Fault = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class BrokerBeside:
    """The broker beside them: its host, and where it listens by the setting's name. `demo`: http is taken."""

    tenant: str
    listens: Mapping[str, str]
    demo: bool


def faults_of_desk(desk: AuditorSettings, place: BrokerBeside, role: str) -> Iterator[Fault]:
    """Finds what keeps the auditor's desk apart from citizens, or auditors out of it."""
    if desk.host == place.tenant:
        # Browsers keep cookies by host, whatever the port
        what = "the desk has the host of the issuer, so citizens' browsers and auditors' would share its cookies."
        yield "auditor", what, "Give url a host of its own, as https://audit.CITY."
    if not desk.url.startswith("https://") and not (desk.host.endswith(".localhost") and place.demo):
        yield "auditor", "its url is http, so browsers would keep no cookie of the desk.", "Write https://HOST."
    for key, taken in place.listens.items():
        if taken and int(desk.listen.rpartition(":")[2]) and clash(desk.listen, taken):
            what = f"the desk cannot listen at {desk.listen}: that is `{key}`."
            yield "auditor", what, "Give listen in [auditor] another port."
    if not desk.persons and not desk.passkeys:
        what = "nobody can sign in: it lists no persons, and takes no passkeys."
        yield "auditor", what, "Write passkeys = true, or client and persons."
    if desk.persons and not desk.client:
        what = "it lists persons, and no client by whose registration they sign in."
        yield "auditor", what, "Register the desk in parties/, and write its client_id as client."
    if desk.client and role == "node":
        what = "a node signs nobody in to a service, so no auditor of it either."
        yield "auditor", what, "Leave out client and persons, and write passkeys = true."


def faults_of_console(console: ConsoleSettings, place: BrokerBeside, desk: AuditorSettings | None) -> Iterator[Fault]:
    """Finds what keeps the operator's pages from being apart. Their own listener tells if its port is taken."""
    if console.host in {place.tenant, desk.host if desk else ""}:
        what = "its host is the issuer's or the auditors' desk's, so browsers would share their cookies."
        yield "console", what, "Give url a host of its own, or leave it out."
    if not console.address.startswith("https://") and not console.host.endswith(".localhost"):
        yield "console", "its url is http, so browsers would keep no cookie of it.", "Write https://HOST, or leave it out."
