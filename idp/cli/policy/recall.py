"""`ciconia policy explain --record`: a login that was, by its record and the policy of its day. No value is known of it."""

import json
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn  # Any: the facts of a record are JSON

import typer

from idp.changes.history import History
from idp.changes.in_force import configurations_of
from idp.cli.console import NO, YES, plain, say, trying
from idp.cli.policy.explained import as_json as told
from idp.cli.policy.explained import print_explanation
from idp.config.settings import load_settings
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.record_contents import RELEASE
from idp.login.states import LOGIN_LIFE
from idp.store.records.release_record import Releases
from idp.store.store import open_store
from policies.assurance import LevelOfAssurance, level_named
from policies.attributes import AttributeName
from policies.authentication import AskedAttribute
from policies.errors import NotFound
from policies.explain import Explanation
from policies.federations import family_of
from policies.forms import parse_form
from policies.load import Configuration
from policies.parties import ClientId, ProviderId, PurposeId
from policies.persons import PersonKind
from policies.simulation.recall import Recorded, recall

Facts = Mapping[str, Any]
_UNCHANGED = "The policy of that day decides what the record says."
_GONE = "The purpose's text of that day is not kept, so what was registered and needed is not known."


def explain_record(record: str, config: Path, *, as_json: bool) -> NoReturn:
    """Explain one record. Ends with 1 where its policy's text is gone, or decides another thing than the record says."""
    with trying(as_json=as_json):
        try:
            wanted = bytes.fromhex(record)
        except ValueError:
            raise NotFound("a record's id has 32 hex digits") from None
        settings = load_settings(config)
        keys = load_ledger_keys(settings.key_folder, settings.origin, any_log_key=True)
        with closing(open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)) as store:
            sent, decision = Releases(engine=store.engine, tenant=settings.tenant, keys=keys).login(wanted)
            history = History(engine=store.engine, tenant=settings.tenant, keys=keys, commits=store)
            began = sent["time"] - LOGIN_LIFE
            found = list(configurations_of(history, sent["policy"], began, sent["time"]))
    head = _head(sent, decision)
    if not as_json:
        say("\n".join(f"{name}: {plain(str(text))}" for name, text in head.items()))
    said = _recorded(sent, decision)
    # What was narrowed while the login lasted counted at once, and what was widened did not
    tried = [(applied, *made) for applied, whose in found if (made := _recalled(said, sent, decision, whose))]
    if not tried:
        _tell_alone(head, sent, decision, as_json=as_json)
        raise typer.Exit(NO)
    applied, explanation, differences = next((one for one in tried if not one[2]), tried[0])
    if as_json:
        whole = told(explanation, said.on, show_values=False)
        if said.released is None:
            whole |= {"released": {}, "weakened": [], "bits": {"asked": f"{explanation.bits_asked:.1f}", "released": "0.0"}}
            whole["about_one_in"] = 1
        rest = {"configuration": applied.number, "differences": list(differences)}
        print(json.dumps({**whole, **head, **rest, "ok": not differences}, ensure_ascii=False))
    else:
        say(f"configuration: {applied.number}, put in force by {applied.who}")
        print_explanation(explanation, show_values=False)
        if said.released is None:
            say("Nothing went: the citizen ended it. The rows say what the policy would have let go.")
        say("\n".join(differences) or _UNCHANGED)
    raise typer.Exit(NO if differences else YES)


def _recalled(
    said: Recorded, sent: Facts, decision: Facts, whose: Configuration
) -> tuple[Explanation, tuple[str, ...]] | None:
    """The login as this configuration decides it; None where it has no such purpose or service."""
    purpose = whose.purposes.get(PurposeId(sent["purpose"]))
    party = whose.parties.get(ClientId(sent["client"]))
    if purpose is None or party is None or purpose.digest != sent["policy"]:
        return None
    source = whose.providers.get(family_of(ProviderId(decision["source"])))
    wanted = source.saml.only_for if source else frozenset[str]()
    return recall(said, purpose, party, source.sphere if source else "", whose.catalogue, wanted)


def _head(sent: Facts, decision: Facts) -> dict[str, object]:
    """The record's facts of the login as a whole."""
    return {
        "record": sent["record"],
        "kind": decision["kind"],
        "time": datetime.fromtimestamp(sent["time"], tz=UTC).isoformat(),
        "client": sent["client"],
        "purpose": sent["purpose"],
        "policy": sent["policy"],
        "basis": sent["basis"],
        "loa": sent["loa"],
        "source": decision["source"],
    }


def _tell_alone(head: Mapping[str, object], sent: Facts, decision: Facts, *, as_json: bool) -> None:
    rest = {"asked": dict(decision["asked"]), "released": dict(sent["names"]), "withheld": dict(decision["withheld"])}
    if as_json:
        print(json.dumps({**head, **rest, "ok": False, "configuration": None, "missing": _GONE}, ensure_ascii=False))
        return
    for name, pairs in rest.items():
        say(f"{name}: {', '.join(f'{one} ({plain(text)})' for one, text in pairs.items()) or 'nothing'}")
    say(_GONE)


def _recorded(sent: Facts, decision: Facts) -> Recorded:
    asked = [(AttributeName(name), parse_form(text)) for name, text in decision["asked"]]
    went = {AttributeName(name): form for name, text in sent["names"] if (form := parse_form(text))}
    return Recorded(
        asked=tuple(AskedAttribute(name, form) for name, form in asked if form),
        unknown=tuple(decision["unknown"]),
        released=went if decision["kind"] == RELEASE else None,
        withheld={AttributeName(name): reason for name, reason in decision["withheld"]},
        loa=level_named(sent["loa"]) or LevelOfAssurance.HIGH,
        kind=PersonKind(decision.get("person", PersonKind.NATURAL)),
        on=datetime.fromtimestamp(sent["time"], tz=UTC).date(),
    )
