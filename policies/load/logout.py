"""Sessions and logout in `parties/*.toml`, and `session_groups.toml`.

[city]
life = 28800        # seconds from the first sign-in; left out: eight hours
idle = 1800         # seconds without a sign-in; left out: half an hour
"""

import re
from collections.abc import Mapping

from policies.load.peers import read_networks
from policies.load.public_clients import fault_of_public_redirect_uri
from policies.load.redirects import fault_of_address, fault_of_redirect_uri
from policies.load.table import IDENTIFIER, Table
from policies.registrations.logout import LogoutChoices
from policies.registrations.redirects import origin_of
from policies.session_groups import SessionGroup

GROUPS_FILE = "session_groups.toml"
# A working day, and a cup of coffee
LIFE, IDLE = 8 * 3600, 30 * 60
# The sealing key under which a session's person lies is erased after a day
LONGEST = 24 * 3600
# What would end a directive of a Content-Security-Policy, or quote in it (CSP Level 3 §2.2.1)
_NOT_IN_A_POLICY = re.compile(r"[;,'\"]")
_POST_LOGOUT_FIX = 'write post_logout_redirect_uris = ["https://parking.storkhaven.example/bye"], or leave it out.'
_IN_A_GROUP = ("backchannel_logout_uri", "frontchannel_logout_uri")
_OF_BACKCHANNEL = ("backchannel_logout_session_required", "networks")


def read_logout(table: Table) -> LogoutChoices:
    """The choices of one service. Problems go to the table's list."""
    choices = LogoutChoices(
        session_group=_group(table),
        post_logout_redirect_uris=_post_logout(table),
        backchannel_logout_uri=_address(table, "backchannel_logout_uri"),
        backchannel_networks=read_networks(table),
        frontchannel_logout_uri=_frontchannel(table),
        events_uri=_address(table, "events_uri"),
    )
    table.flag("backchannel_logout_session_required")
    table.flag("frontchannel_logout_session_required")
    for key in _IN_A_GROUP:
        if key in table and not choices.session_group:
            what = "stands without session_group: no session is kept, so nobody would ever be told."
            table.problem(key, what, "name a session_group, which may have this one service; or leave it out.")
    for key in _OF_BACKCHANNEL:
        if key in table and not (choices.backchannel_logout_uri or (key == "networks" and choices.events_uri)):
            table.problem(key, "is about backchannel_logout_uri, which is not there.", "leave it out.")
    if "frontchannel_logout_session_required" in table and not choices.frontchannel_logout_uri:
        fix = "leave it out."
        table.problem("frontchannel_logout_session_required", "is about frontchannel_logout_uri, which is not there.", fix)
    return choices


def read_saml_logout(table: Table) -> LogoutChoices:
    """The choices of a service that speaks SAML: how it hears of the end, its metadata says."""
    choices = LogoutChoices(
        session_group=_group(table), backchannel_networks=read_networks(table), events_uri=_address(table, "events_uri")
    )
    if "networks" in table and not choices.session_group and not choices.events_uri:
        table.problem("networks", "stands without session_group: no session is kept, so nobody is told.", "leave it out.")
    return choices


def read_session_groups(table: Table) -> Mapping[str, SessionGroup]:
    """The groups of `session_groups.toml`. Problems go to the table's list."""
    groups: dict[str, SessionGroup] = {}
    for name in table.names():
        one = table.table(name, f"write [{name}] with life and idle, each in seconds.")
        if one is None:
            continue
        if not IDENTIFIER.fullmatch(name):
            table.problem(name, "is no name of a group.", "use 1 to 64 letters, digits, dots, lines and underscores.")
        life = one.seconds("life", LIFE, most=LONGEST)
        idle = one.seconds("idle", min(IDLE, life), most=life)
        one.close()
        groups[name] = SessionGroup(name, life, idle, table.source(name))
    return groups


def _group(table: Table) -> str:
    fix = f'write session_group = "city", a name in {GROUPS_FILE}.'
    return table.matching("session_group", IDENTIFIER, fix, default="")


def _post_logout(table: Table) -> tuple[str, ...]:
    fault_of = fault_of_public_redirect_uri if table.flag("public") else fault_of_redirect_uri
    uris = table.texts("post_logout_redirect_uris", _POST_LOGOUT_FIX, required="post_logout_redirect_uris" in table)
    for index, uri in enumerate(uris):
        if fault := fault_of(uri):
            table.problem("post_logout_redirect_uris", f"{uri!r} {fault}", _POST_LOGOUT_FIX, str(index))
    return uris


def _address(table: Table, key: str) -> str:
    fix = f'write {key} = "https://parking.storkhaven.example/logout", or leave it out.'
    uri = table.text(key, fix, default="")
    if uri and (fault := fault_of_address(uri)):
        table.problem(key, f"{uri!r} {fault}", fix)
    return uri


def _frontchannel(table: Table) -> str:
    """An address that our page frames: of an origin to which we send the citizen already (Front-Channel Logout §2)."""
    key = "frontchannel_logout_uri"
    uri = _address(table, key)
    if not uri or fault_of_address(uri):
        return uri
    if _NOT_IN_A_POLICY.search(uri):
        table.problem(key, f"{uri!r} has a sign that no policy of a page can name.", "leave out ; , ' and \".")
    named = table.take("redirect_uris")
    answers = [one for one in named if isinstance(one, str)] if isinstance(named, list) else []
    if origin_of(uri) not in {origin_of(one) for one in answers if not fault_of_address(one)}:
        table.problem(key, f"{uri!r} has another origin than each of redirect_uris.", "use one of theirs.")
    return uri
