"""`ciconia keys separate`: the keys that find a person go into the folder that `index_keys` names (decision 0067)."""

import os

from idp.application.recorded_act import record_by_command
from idp.cli.console import CommandRefused, answer, say
from idp.cli.keys_revoke import trying_keys
from idp.cli.options import AsJson, Folder
from idp.config.settings import Settings, load_settings
from idp.keys import index_folder
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.operator_records import KEYS_SEPARATED
from policies.errors import Misconfigured, StoreUnavailable

MORE = (
    "Now SIGHUP, or start the server again. Back up the two folders apart, and destroy the backups of the key folder that "
    "still have both kinds of keys."
)


def separate(config: Folder, *, as_json: AsJson = False) -> None:
    """Move index.key and pairwise.key, which find a person, into the folder that index_keys in ciconia.toml names.

    Nothing is lost if it stops midway: call it again. The broker starts with that setting once it is done.

    Example: ciconia keys separate --config city
    """
    with trying_keys(as_json=as_json):
        settings = load_settings(config)
        if settings.index_folder is None:
            fix = 'Write index_keys = "/PLACE", an empty folder on another disk that only the broker\'s account reads.'
            raise CommandRefused("keys", index_folder.SETTING, "no folder is named for these keys.", fix)
        waiting = [name for name in index_folder.FINDING if os.path.lexists(settings.key_folder / name)]
        if waiting:
            _record(settings)
        moved = index_folder.separate(settings.key_folder, settings.index_folder)
    done = f"{' and '.join(moved)} moved to {settings.index_folder}." if moved else "Nothing is left to move."
    answer({"folder": str(settings.index_folder), "moved": list(moved)}, done, *([MORE] if moved else []), as_json=as_json)


def _record(settings: Settings) -> None:
    """Record it first. A folder that never served has no ledger yet."""
    try:
        ledger = load_ledger_keys(settings.key_folder, settings.origin, any_log_key=True)
        about = " and ".join(index_folder.FINDING)
        record_by_command(settings, ledger, act=KEYS_SEPARATED, about=about, reason="")
    except (StoreUnavailable, Misconfigured):
        say("It is not recorded, since the ledger cannot be opened: write it down.", error=True)
