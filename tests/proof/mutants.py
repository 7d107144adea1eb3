"""Small changes of a module, each of which some test must notice.

    python -m tests.proof.mutants evsed.core.interlock                    # lists them
    python -m tests.proof.mutants evsed.core.interlock 7 tests/core/...   # runs these tests against number 7

A mutant is loaded in place of the module in a process of its own; no file is changed.
"""

import ast
import copy
import importlib.util
import sys
import types
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

_OTHER_COMPARISON: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OTHER_OPERATOR: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}


class Mutant(NamedTuple):
    line: int
    text: str  # before -> after
    tree: ast.Module


def mutants(source: str) -> list[Mutant]:
    """Of everything but how a struct is stored (frozen=, gc=), which is no behaviour."""
    tree = ast.parse(source)
    stored = {id(k.value) for each in ast.walk(tree) if isinstance(each, ast.ClassDef) for k in each.keywords}
    numbered = [(n, node) for n, node in enumerate(ast.walk(tree)) if id(node) not in stored]
    return [mutant for n, _ in numbered for mutant in _of_node(tree, n)]


def _of_node(tree: ast.Module, n: int) -> Iterator[Mutant]:
    nodes = list(ast.walk(tree))
    for change in _changes(nodes[n]):
        statement = _statement_of(tree, nodes[n])
        fresh = copy.deepcopy(tree)
        again = list(ast.walk(fresh))
        before = _first_line(statement)
        change(again[n])
        after = _first_line(again[nodes.index(statement)])
        if after != before:
            line = getattr(nodes[n], "lineno", 0)
            yield Mutant(line, f"{before} => {after}", ast.fix_missing_locations(fresh))


def _statement_of(tree: ast.Module, wanted: ast.AST) -> ast.stmt:
    """The innermost one: what people read."""
    statements = (each for each in ast.walk(tree) if isinstance(each, ast.stmt))
    return [each for each in statements if any(node is wanted for node in ast.walk(each))][-1]


def _first_line(statement: ast.AST) -> str:
    return ast.unparse(statement).partition("\n")[0]


Change = Callable[[ast.AST], None]


def _changes(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.Compare):
        for k in range(len(node.ops)):
            yield lambda it, k=k: it.ops.__setitem__(k, _OTHER_COMPARISON[type(it.ops[k])]())
    elif isinstance(node, ast.BoolOp):
        yield lambda it: setattr(it, "op", ast.And() if isinstance(it.op, ast.Or) else ast.Or())
        for k in range(len(node.values)):
            yield lambda it, k=k: it.values.pop(k)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield lambda it: it.__dict__.update(
            op=ast.UAdd(), operand=ast.Call(ast.Name("bool", ast.Load()), [it.operand], [])
        )
    elif isinstance(node, ast.BinOp) and type(node.op) in _OTHER_OPERATOR:
        yield lambda it: setattr(it, "op", _OTHER_OPERATOR[type(it.op)]())
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield lambda it: setattr(it, "value", it.value + 1)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield lambda it: setattr(it, "value", not it.value)
    elif isinstance(node, ast.If):
        yield lambda it: setattr(it, "test", ast.Constant(False))


def source_of(module: str) -> str:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    with open(spec.origin) as file:
        return file.read()


def load(module: str, mutant: Mutant) -> None:
    """In place of the real one, for all that import it later."""
    made = types.ModuleType(module)
    parent, _, name = module.rpartition(".")
    made.__package__ = parent
    sys.modules[module] = made
    exec(compile(mutant.tree, f"<mutant of {module}>", "exec"), made.__dict__)
    setattr(importlib.import_module(parent), name, made)


def main() -> int:
    module, *rest = sys.argv[1:]
    found = mutants(source_of(module))
    if not rest:
        for n, mutant in enumerate(found):
            print(f"{n:4} line {mutant.line:3}: {mutant.text}")
        return 0
    load(module, found[int(rest[0])])
    quiet = (
        "-x",
        "-q",
        "--no-header",
        "-p",
        "no:cacheprovider",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
    )
    return int(pytest.main([*quiet, *rest[1:]]))


if __name__ == "__main__":
    sys.exit(main())
