"""Which peers the tests themselves run, and what they try: from the table of SAML peers, and the marks of the tests."""

import ast
from collections.abc import Mapping
from typing import get_args

from tests.interop.peer import ROOT
from tests.interop.peer_table import KNOWN
from tests.interop.saml_peers import Ability

MARK = "peer_row"
# `each(what)` marks every peer of its module's table `PEERS`
EACH, TABLE = "each", "PEERS"


def covered() -> Mapping[str, tuple[str, ...]]:
    """Each peer in alphabetical order, and what is tried: its abilities, and literal marks `peer_row(peer, what)`."""
    found: dict[str, dict[str, None]] = {
        known.name: dict.fromkeys(one for one in get_args(Ability) if one in known.abilities) for known in KNOWN
    }
    for path in sorted((ROOT / "tests").glob("*/test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = _names(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == MARK:
                peer, what = (_text(one, names) for one in node.args)
                if peer and what:
                    found[peer] = found.get(peer, {}) | {what: None}
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == EACH:
                for peer in _listed(tree):
                    found[peer] = found.get(peer, {}) | {_text(node.args[0], names): None}
    return {peer: tuple(found[peer]) for peer in sorted(found, key=str.lower)}


def _listed(tree: ast.Module) -> tuple[str, ...]:
    """The names in the module's table of peers."""
    return tuple(
        str(key.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id == TABLE
        for key in node.value.keys
        if isinstance(key, ast.Constant)
    )


def _names(tree: ast.Module) -> Mapping[str, str]:
    """The module's own constants that are texts."""
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _text(node: ast.expr, names: Mapping[str, str]) -> str:
    """A literal, a constant, or an f-string of both; "" for anything else."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return names.get(name, "")
        case ast.JoinedStr(values=parts):
            return "".join(_text(one.value if isinstance(one, ast.FormattedValue) else one, names) for one in parts)
    return ""
