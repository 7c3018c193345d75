"""The sentences of docs/architecture.md about the house, executed."""

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.store.tables import metadata  # the only look at the product itself

ROOT = Path(__file__).parents[1]
FLOORS = ("policies", "connectors", "idp")
TOP_LEVEL = {"policies", "connectors", "idp", "docs", "tests", "docker"}
# Circles among rooms that are still there. This list only ever shrinks
CIRCLES: tuple[set[str], ...] = ()


def _modules() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for floor in FLOORS:
        for path in (ROOT / floor).rglob("*.py"):
            if "migrations" in path.parts:
                continue
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()


@functools.cache
def trees() -> dict[str, ast.Module]:
    """Each module, parsed: by the process that runs these tests, and not where they are collected."""
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def _imported(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere in the file, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            base = node.module or ""
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield full if full in MODULES else base


@functools.cache
def graph() -> dict[str, set[str]]:
    return {name: {target for target in _imported(tree) if target != name} for name, tree in trees().items()}


def _called(name: str) -> list[str]:
    """The modules that call something of this name, as `Name(...)` or `module.Name(...)`."""
    found = []
    for module, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                function = node.func
                called = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
                if called == name:
                    found.append(module)
    return found


def test_a_floor_imports_only_itself_and_the_floors_below() -> None:
    for module, targets in graph().items():
        mine = FLOORS.index(module.split(".")[0])
        above = [target for target in targets if target.split(".")[0] in FLOORS[mine + 1 :]]
        assert not above, f"{module} reaches up to {above}"


def test_policies_uses_the_standard_library_only() -> None:
    allowed = sys.stdlib_module_names | {"policies"}
    for module, targets in graph().items():
        if module.startswith("policies"):
            assert {target.split(".")[0] for target in targets} <= allowed, module


def test_policies_reads_no_clock_and_does_no_io() -> None:
    forbidden = {"time", "socket", "os", "pathlib", "random", "secrets", "threading", "subprocess", "io"}
    for module, targets in graph().items():
        if module.startswith("policies"):
            assert forbidden.isdisjoint(targets), module
            source = MODULES[module].read_text(encoding="utf-8")
            assert "date.today(" not in source, module
            assert "datetime.now(" not in source, module
            assert "open(" not in source.replace("_open(", ""), module


def test_there_is_no_circle_lazy_imports_counted() -> None:
    state: dict[str, int] = {}

    def visit(module: str, path: tuple[str, ...]) -> None:
        if state.get(module) == 2:
            return
        assert state.get(module) != 1, f"a circle: {' -> '.join((*path, module))}"
        state[module] = 1
        for target in sorted(graph()[module] & MODULES.keys()):
            visit(target, (*path, module))
        state[module] = 2

    for module in graph():
        visit(module, ())


def _rooms(folder: str) -> dict[str, set[str]]:
    """Each room of a folder (a module of its own is one, too), and the rooms of the same folder that it imports."""
    depth = folder.count(".") + 2
    rooms: dict[str, set[str]] = {}
    for module, targets in graph().items():
        if module.startswith(f"{folder}."):
            room = ".".join(module.split(".")[:depth])
            beside = {
                ".".join(each.split(".")[:depth]) for each in targets & MODULES.keys() if each.startswith(f"{folder}.")
            }
            rooms.setdefault(room, set()).update(beside - {room})
    return rooms


def _circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """The sets of rooms in which each one reaches each other one."""
    reached = {room: set(beside) for room, beside in graph.items()}
    while any(_further(reached, room) - reached[room] for room in reached):
        for room in reached:
            reached[room] |= _further(reached, room)
    return {frozenset(each for each in reached[room] if room in reached[each]) for room in reached if room in reached[room]}


def _further(reached: dict[str, set[str]], room: str) -> set[str]:
    return {further for beside in reached[room] for further in reached.get(beside, ())}


def test_rooms_of_a_folder_have_no_circle() -> None:
    folders = {".".join(module.split(".")[:end]) for module in MODULES for end in range(1, module.count(".") + 1)}
    found = {circle for folder in folders for circle in _circles(_rooms(folder))}
    new = [sorted(circle) for circle in found if not any(circle <= known for known in CIRCLES)]
    assert not new, "these rooms import each other"
    gone = [sorted(known) for known in CIRCLES if not any(circle <= known for circle in found)]
    assert not gone, "no circle any more: take them out of CIRCLES"


def test_a_circle_of_rooms_is_found() -> None:
    assert _circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}) == {frozenset("abc")}
    assert not _circles({"a": {"b", "c"}, "b": {"c"}, "c": set()})


def test_no_import_hides_behind_type_checking_or_in_a_function() -> None:
    for module, tree in trees().items():
        assert "TYPE_CHECKING" not in MODULES[module].read_text(encoding="utf-8"), module
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lazy = [inner for inner in ast.walk(node) if isinstance(inner, ast.Import | ast.ImportFrom)]
                assert not lazy, f"{module}.{node.name} imports lazily"


@pytest.mark.parametrize(
    ("made", "where"),
    [
        ("Signed", "connectors.signatures"),
        ("SignedClaims", "connectors.signatures"),
        ("Assertion", "connectors"),
    ],
)
def test_only_these_modules_construct(made: str, where: str) -> None:
    makers = _called(made)
    assert makers, f"nobody makes a {made}: the rule would prove nothing"
    assert all(module == where or module.startswith(f"{where}.") for module in makers), (made, makers)


def test_only_the_seal_opens_a_sealed_login() -> None:
    # Assertions that other nodes encrypt to us are opened where they are verified, and nothing else is
    ciphers = {module for module in _called("AESGCM") if not module.startswith("idp.ledger")}
    # and the attack corpus encrypts what must be refused; the keys of the seal lie wrapped in the database
    sealing = ("connectors.signatures.xmlenc", "connectors.attacks", "idp.keys.wrapping")
    assert all(module == "idp.login.sealing" or module.startswith(sealing) for module in ciphers), ciphers


def test_only_fetch_reaches_out() -> None:
    reaching = ("httpx", "httpcore", "http.client", "urllib.request", "socket", "ssl", "anyio", "asyncio", "smtplib")
    users = {
        module
        for module, targets in graph().items()
        if any(t == r or t.startswith((f"{r}.", "httpx2")) for t in targets for r in reaching)
    }
    # Those that answer, the queue of those that wait to be answered, and the threads that answer them
    waiting = {"idp.web.overload", "idp.web.threads"}
    listening = {"idp.server.http", "idp.server.head_limits", "idp.monitoring.listener", *waiting}
    # One peer of the operator's own by syslog, and our own TLS: at addresses of ciconia.toml, which nobody else writes
    sending = {"idp.audit.events.sinks", "idp.doctor.handshake"}
    assert {module for module in users if not module.startswith("idp.demo")} <= {"connectors.fetch", *listening, *sending}


def test_only_the_signatures_verify() -> None:
    verifying = ("cryptography.hazmat.primitives.asymmetric.padding", "jose", "xmlsec", "signxml")
    for module, targets in graph().items():
        # The attack corpus signs what must be refused, and its run tells the library's version
        if module.startswith(
            ("connectors.signatures", "connectors.attacks", "idp.demo", "idp.keys", "idp.selftest.report")
        ):
            continue
        assert not [t for t in targets if t.startswith(verifying)], module


def test_python_jose_has_one_wrapper() -> None:
    users = {module for module, targets in graph().items() if any(t == "jose" or t.startswith("jose.") for t in targets)}
    assert users == {"connectors.signatures.jws"}


def test_joserfc_has_three_wrappers() -> None:
    users = {module for module, targets in graph().items() if any(t.split(".")[0] == "joserfc" for t in targets)}
    assert users == {f"connectors.signatures.{name}" for name in ("jwe", "jwe_encrypt", "jws_joserfc")}


def test_nobody_decrypts_tokens_with_python_jose() -> None:
    """Its JWE is a padding oracle, and its `jwt` and `jwk` take keys as text: none of the three is ever imported."""
    taken = {
        alias.name
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "jose"
        for alias in node.names
    }
    assert taken == {"CryptographyECKey", "CryptographyRSAKey"}
    assert not [module for module, tree in trees().items() for name in _plainly(tree) if name.split(".")[0] == "jose"]


def _plainly(tree: ast.AST) -> list[str]:
    return [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]


def test_a_line_of_the_log_names_its_tenant_unless_it_is_of_the_whole_process() -> None:
    of_the_process = {
        "idp.server.workers.worker",
        "idp.server.workers.supervisor",
        "idp.monitoring.listener",
        # A witness has no tenant
        "idp.witnessing.service",
        "idp.witnessing.witness",
    }
    assert set(_called("get_logger")) == {"idp.system.logs", *of_the_process}
    # And nobody writes by a module of structlog's or the standard library's own
    assert {module for module, targets in graph().items() if "structlog" in targets} == {"idp.system.logs", *of_the_process}


def test_fastapi_stays_in_the_room_of_the_web() -> None:
    users = {
        module for module, targets in graph().items() if any(t.split(".")[0] in {"fastapi", "starlette"} for t in targets)
    }
    allowed = (
        "idp.web",
        "idp.application.app",
        "idp.application.web_application",
        "idp.application.tenants",
        "idp.application.hosts",
        "idp.application.auditor_desks",
        "idp.desk",
        "idp.server.http",
        "idp.monitoring.listener",
        "idp.witnessing.service",
        "idp.demo",
    )
    assert all(module.startswith(allowed) for module in users), users


def test_no_module_is_longer_than_the_house_allows() -> None:
    for module, path in MODULES.items():
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 380, module


def test_there_is_no_core_common_or_utils() -> None:
    names = {part for module in MODULES for part in module.split(".")}
    assert names.isdisjoint({"core", "common", "utils", "helpers", "util", "helper", "misc"})


def test_the_top_level_holds_what_the_architecture_names() -> None:
    folders = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".") and p.name != "__pycache__"}
    assert folders <= TOP_LEVEL, folders - TOP_LEVEL


def test_every_table_has_the_tenant_in_its_key() -> None:
    for table in metadata.sorted_tables:
        assert "tenant" in table.primary_key.columns, table.name
