"""The errors that the product can raise, read from its source without running it: checks, codes, OAuth errors."""

import ast
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

Sources = Sequence[tuple[str, str]]
# Names in which the product keeps OAuth errors that it puts together elsewhere
OAUTH_TABLES = ("SENTENCES", "UNSUPPORTED")
# Calls with a code, by its place among their arguments: those that end a command or refuse a node in one, and a refusal of
# a file by `ciconia inspect`
TOLD_BY = {"end": 0, "failed": 0, "MessageRefusal": 0, "desk.refuse": 1}


@functools.cache
def _nodes(tree: ast.AST) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree))


@functools.cache
def _tree(text: str) -> ast.Module:
    """A module, which is looked through several times, until `forget_trees`."""
    return ast.parse(text)


def forget_trees() -> None:
    _nodes.cache_clear()
    _tree.cache_clear()


@dataclass(frozen=True, slots=True)
class Raised:
    """A name of a check at one place; `whole` is False where only its beginning is written there."""

    check: str
    place: str
    whole: bool = True


def raised_in(sources: Sources, classes: set[str]) -> tuple[Raised, ...]:
    """Every literal name of a check: first argument of these classes, or of a function for its `check`, or printed.

    A function is known in its own package by its name, one of another file with the same name goes before; private ones
    are known in their own file, and so are private constants.
    """
    trees = [(path, _tree(text)) for path, text in sources]
    shared_constants = {name: text for _, tree in trees for name, text in _constants(tree) if not name.startswith("_")}
    shared: dict[str, dict[str, set[int]]] = {}
    for path, tree in trees:
        for name, index in _forwarding(tree):
            if not name.startswith("_"):
                shared.setdefault(path.partition("/")[0], {}).setdefault(name, set()).add(index)
    found: list[Raised] = []
    for path, tree in trees:
        own: dict[str, set[int]] = {name: {0} for name in classes}
        for name, index in _forwarding(tree):
            own.setdefault(name, set()).add(index)
        places = shared.get(path.partition("/")[0], {}) | own
        constants = shared_constants | dict(_constants(tree))
        for call in (node for node in _nodes(tree) if isinstance(node, ast.Call)):
            given = [keyword.value for keyword in call.keywords if keyword.arg == "check"]
            given += [call.args[at] for at in places.get(_name(call.func), set()) if at < len(call.args)]
            for node in given:
                found += [Raised(check, f"{path}:{call.lineno}", whole) for check, whole in _texts(node, constants)]
        for node in (one for one in _nodes(tree) if isinstance(one, ast.Dict)):
            found += [Raised(check, f"{path}:{node.lineno}") for check in _member(node, "check")]
    return tuple(dict.fromkeys(found))


def codes_in(sources: Sources) -> Iterator[str]:
    """The literal `code=` of every call that raises or makes an error, and what a command prints.

    That is `"code": "..."`, and the codes of `TOLD_BY`.
    """
    yield from _keyword(sources, "code", _raises)
    yield from told_codes_in(sources)
    for _, text in sources:
        for node in _nodes(_tree(text)):
            if isinstance(node, ast.Dict):
                yield from _member(node, "code")


def told_codes_in(sources: Sources) -> Iterator[str]:
    """The literal codes of `TOLD_BY`, by which a command says why it did not do what it was asked."""
    for _, text in sources:
        for node in _nodes(_tree(text)):
            if isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in TOLD_BY:
                place = TOLD_BY[name]
                yield from _literals(node.args[place : place + 1])


def oauth_codes_in(sources: Sources) -> Iterator[str]:
    """Every OAuth error: `oauth=` of a refusal and its default, the tables, and `"error": "..."` of a body."""
    yield from _keyword(sources, "oauth", _raises)
    for _, text in sources:
        for node in _nodes(_tree(text)):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict(keys=keys, values=values)) if (
                    name in OAUTH_TABLES
                ):
                    # the one maps an error to a sentence, the other a parameter to an error
                    yield from _literals(keys if name == "SENTENCES" else values)
                case ast.FunctionDef(name="__init__", args=arguments):
                    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
                        if argument.arg == "oauth":
                            yield from _literals([default])
                case ast.Dict():
                    yield from _member(node, "error")
                case ast.FunctionDef(name="_oauth_error" | "refuse"):
                    returned = [one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value]
                    chosen = [one.orelse for one in ast.walk(node) if isinstance(one, ast.IfExp)]
                    yield from _literals([*returned, *chosen])


def _keyword(sources: Sources, name: str, wanted: Callable[[str], bool]) -> Iterator[str]:
    for _, text in sources:
        for call in (node for node in _nodes(_tree(text)) if isinstance(node, ast.Call)):
            if wanted(_name(call.func)):
                yield from _literals([keyword.value for keyword in call.keywords if keyword.arg == name])


def _member(node: ast.Dict, name: str) -> list[str]:
    """The literal values that a dict is written with under this key."""
    return _literals([value for key, value in zip(node.keys, node.values, strict=True) if _literals([key]) == [name]])


def _raises(name: str) -> bool:
    return name[:1].isupper()


def _literals(nodes: Sequence[ast.expr | None]) -> list[str]:
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Texts that a module gives a name."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            for text in _literals([node.value]):
                yield node.targets[0].id, text


def _forwarding(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Functions with a parameter `check: str`, and its place without `self`."""
    for node in _nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name != "__init__":
            names = [argument.arg for argument in node.args.args if argument.arg != "self"]
            if "check" in names:
                yield node.name, names.index("check")


def _texts(node: ast.expr, constants: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    """The names that an expression can be: itself, either of two, a constant's, the beginning of a text put together."""
    match node:
        case ast.Constant(value=str(text)):
            yield text, True
        case ast.IfExp(body=one, orelse=other):
            yield from _texts(one, constants)
            yield from _texts(other, constants)
        case ast.Name(id=name) if name in constants:
            yield constants[name], True
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            yield text, False


def _name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
