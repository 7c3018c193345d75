"""A key that is copied from one tenant to another while both are served: its owner keeps it, and nobody else gets it."""

from collections.abc import Callable
from shutil import copy

import pytest
import structlog

from idp.application.tenants import OpenInstallation, load_installation, open_installation
from idp.keys.change import make
from idp.keys.kinds import KINDS
from policies.errors import Misconfigured
from tests.tenants.roof import NOW, Roof

Open = Callable[[Roof], OpenInstallation]


@pytest.mark.parametrize("name", ["es256", "sealing", "log"])
def test_a_running_server_takes_no_key_that_is_copied_from_another_tenant(roof: Roof, opened: Open, name: str) -> None:
    served = opened(roof)
    alder, birch = (served.tenants[each] for each in ("alder", "birch"))
    for one in (alder, birch):
        one.keeper.step()
    kind = KINDS[name]
    copied = roof.tenant("birch") / "keys" / kind.file_from(NOW - 60)
    copy(roof.tenant("alder") / "keys" / kind.file, copied)
    with structlog.testing.capture_logs() as logs:
        for one in (alder, birch):
            one.keeper.step()
    (line,) = logs
    # Nobody vouches for a key of the log that was copied alone, and that is told first
    told = "log.vkey: " if name == "log" else f"{copied}: keys: alder had it first."
    assert told in line["check"]
    assert [each.file for each in birch.keys.rings[name].scheduled] == [kind.file], "what was loaded counts on"
    own = make(roof.tenant("birch") / "keys", KINDS["rs256"], NOW - 60, host="birch.example", now=NOW, production=False)
    birch.keeper.step()
    assert len(birch.keys.rs256.scheduled) == 1
    copied.unlink()
    birch.keeper.step()
    assert len(birch.keys.rs256.scheduled) == 2
    copy(own, roof.tenant("alder") / "keys" / own.name)
    alder.keeper.step()
    assert len(alder.keys.rs256.scheduled) == 1, "one that came later has an owner, too"


def test_a_worker_that_starts_again_closes_who_has_a_copied_key_and_not_its_owner(roof: Roof) -> None:
    seen = load_installation(roof.folder)
    copy(roof.tenant("birch") / "keys" / "es256.pem", roof.tenant("alder") / "keys" / KINDS["es256"].file_from(NOW - 60))
    served = open_installation(roof.folder, seen=seen, clock=lambda: NOW)
    served.stop()
    assert ([one.name for one in served.broken], list(served.tenants)) == (["alder"], ["birch"])


def test_a_worker_that_starts_again_gives_a_key_that_came_since_and_was_copied_to_nobody(roof: Roof) -> None:
    seen = load_installation(roof.folder)
    alder, birch = (roof.tenant(each) / "keys" for each in ("alder", "birch"))
    made = make(birch, KINDS["rs256"], NOW - 60, host="birch.example", now=NOW, production=False)
    copy(made, alder / made.name)
    with pytest.raises(Misconfigured) as raised:
        open_installation(roof.folder, seen=seen, clock=lambda: NOW)
    assert [(one.file, one.what) for one in raised.value.problems] == [
        (str(each / made.name), "nobody knows which tenant had it first.") for each in (alder, birch)
    ]
