"""The checks of a module, each removed or turned round, one at a time.

A check is an `if` that ends in a refusal (`raise`, `return False`, `return None`, `continue`), an operand of its condition,
a statement that calls a check for its refusal alone, and a `return False`. A mutant is the code object of one function: it
is put into the living function, so that a process that has everything prepared can try hundreds.
"""

import ast
import copy
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType

# Called for what they refuse: their results are not used where they stand alone
_REFUSING = ("check", "_check", "_fits", "refuse", "end", "only", "version_2", "_scan", "_shape", "_same")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one function. `name` does not depend on lines, so that a survivor keeps its reason."""

    module: str
    function: str
    change: str
    line: int
    checks: frozenset[str]  # the texts in the refusal: the names of checks among them are tried first
    code: CodeType

    @property
    def name(self) -> str:
        """`module:function:change`."""
        return f"{self.module}:{self.function}:{self.change}"


def mutants_of(module: str) -> Iterator[Mutant]:
    """All of a module, in the order of its lines."""
    path = Path(importlib.import_module(module).__file__ or "")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    seen: dict[str, int] = {}
    for qualified, function in _functions(tree):
        for change, line, checks, mutate in _changes(function):
            changed = copy.deepcopy(tree)
            twin = next(
                found for name, found in _functions(changed) if name == qualified and found.lineno == function.lineno
            )
            mutate(twin)
            compiled = compile(ast.fix_missing_locations(changed), str(path), "exec")
            code = _code(compiled, qualified, function.lineno)
            key = f"{qualified}:{change}"
            seen[key] = seen.get(key, 0) + 1
            named = change if seen[key] == 1 else f"{change} ({seen[key]})"
            yield Mutant(module, qualified, named, line, checks, code)


def apply(mutant: Mutant) -> None:
    """Put the mutant into the living function of this process."""
    target: object = importlib.import_module(mutant.module)
    for part in mutant.function.split("."):
        target = target.__dict__[part] if isinstance(target, type) else getattr(target, part)
    if isinstance(target, property):
        target = target.fget
    target = getattr(target, "__wrapped__", target)
    target = getattr(target, "__func__", target)
    if not isinstance(target, FunctionType):
        raise TypeError(f"{mutant.function} is no function")
    target.__code__ = mutant.code


Function = ast.FunctionDef
Changing = Callable[[Function], None]


def _functions(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, Function]]:
    """Functions of the module and methods of its classes; what is nested in them changes with them."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{inside}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            yield f"{inside}{node.name}", node


def _changes(function: Function) -> Iterator[tuple[str, int, frozenset[str], Changing]]:
    nodes = list(ast.walk(function))
    for place, node in enumerate(nodes):
        if isinstance(node, ast.If) and _refuses(node.body):
            said, checks = ast.unparse(node.test), _texts(node)
            yield f"remove `{said}`", node.lineno, checks, _at(place, _never)
            yield f"invert `{said}`", node.lineno, checks, _at(place, _inverted)
            if isinstance(node.test, ast.BoolOp):
                for number, operand in enumerate(node.test.values):
                    change = f"drop `{ast.unparse(operand)}` of `{said}`"
                    yield change, node.lineno, checks, _at(place, _without(number))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _called(node.value).startswith(_REFUSING):
            yield f"skip `{ast.unparse(node)}`", node.lineno, _texts(node), _at(place, _skipped)
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.Constant) and node.value.value is False:
            yield "say True for False", node.lineno, frozenset(), _at(place, _true)


def _refuses(body: list[ast.stmt]) -> bool:
    last = body[-1]
    if isinstance(last, ast.Return):
        return last.value is None or (isinstance(last.value, ast.Constant) and not last.value.value)
    return isinstance(last, ast.Raise | ast.Continue)


def _texts(node: ast.AST) -> frozenset[str]:
    return frozenset(n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _at(place: int, change: Callable[[ast.AST], None]) -> Changing:
    """Do it to the node that stands at the same place in the twin."""
    return lambda function: change(list(ast.walk(function))[place])


def _never(node: ast.AST) -> None:
    assert isinstance(node, ast.If)
    node.test = ast.Constant(value=False)


def _inverted(node: ast.AST) -> None:
    assert isinstance(node, ast.If)
    node.test = ast.UnaryOp(op=ast.Not(), operand=node.test)


def _without(number: int) -> Callable[[ast.AST], None]:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.If)
        assert isinstance(node.test, ast.BoolOp)
        node.test.values = [value for place, value in enumerate(node.test.values) if place != number]
        if len(node.test.values) == 1:
            node.test = node.test.values[0]

    return change


def _skipped(node: ast.AST) -> None:
    assert isinstance(node, ast.Expr)
    node.value = ast.Constant(value=None)


def _true(node: ast.AST) -> None:
    assert isinstance(node, ast.Return)
    node.value = ast.Constant(value=True)


def _code(compiled: CodeType, qualified: str, line: int) -> CodeType:
    """The code object of a function, found by its qualified name; decorators stand before its first line."""
    found = [code for code in _all_codes(compiled) if code.co_qualname == qualified]
    return min(found, key=lambda code: abs(code.co_firstlineno - line))


def _all_codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _all_codes(constant)
