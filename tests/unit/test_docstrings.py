"""Public functions say what they take and what they raise, and the examples in docstrings are true.

The linter checks that the sections that a docstring has are those of its function; that there are any is checked here.
"""

from __future__ import annotations

import ast
import builtins
import doctest
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from pkgutil import resolve_name

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("pipeline_assets", "lambdas", "deploy/cli")
MODULES = [path.relative_to(ROOT) for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
#: From so many parameters on, each is told of.
PARAMETERS = 3

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def not_converted() -> frozenset[str]:
    """Paths whose docstrings need no sections: the one list of them is the linter's."""
    ignores = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]["per-file-ignores"]
    return frozenset(pattern.removesuffix("/**") for pattern, rules in ignores.items() if "DOC" in rules)


def is_converted(path: Path) -> bool:
    return not {path.as_posix(), *(parent.as_posix() for parent in path.parents)} & not_converted()


def public_functions(body: list[ast.stmt]) -> Iterator[Function]:
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body)
        elif isinstance(node, Function) and not node.name.startswith("_"):
            yield node


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """What a function does itself: not the functions within it."""
    for inner in ast.iter_child_nodes(node):
        if not isinstance(inner, ast.FunctionDef | ast.Lambda):
            yield inner
            yield from own_nodes(inner)


def named(error: ast.expr | None) -> Iterator[ast.Name]:
    yield from (node for node in ast.walk(error or ast.Tuple([])) if isinstance(node, ast.Name))


def raised_by(function: Function) -> set[str]:
    """Names of our own errors that a function raises itself and does not catch."""
    nodes = list(own_nodes(function))
    caught = {name.id for node in nodes if isinstance(node, ast.ExceptHandler) for name in named(node.type)}
    raised = (node.exc for node in nodes if isinstance(node, ast.Raise))
    called = (error.func if isinstance(error, ast.Call) else error for error in raised)
    names = {name.id for name in called if isinstance(name, ast.Name) and name.id.endswith("Error")}
    return {name for name in names - caught if not hasattr(builtins, name)}


def is_called_by_dagster(function: Function) -> bool:
    return any("dg." in ast.unparse(decorator) for decorator in function.decorator_list)


def faults(function: Function) -> Iterator[str]:
    text = ast.get_docstring(function) or ""
    arguments = function.args
    taken = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    taken = [each for each in taken if each.arg not in {"self", "cls"}]
    if len(taken) >= PARAMETERS and "Parameters\n---" not in text:
        yield f"{function.name} takes {len(taken)} parameters and tells of none"
    lacking = raised_by(function) if "Raises\n---" not in text else ()
    yield from (f"{function.name} raises {name} and does not tell" for name in lacking)


@pytest.mark.parametrize("path", [path for path in MODULES if is_converted(path)], ids=str)
def test_what_a_function_takes_and_raises_has_its_section(path: Path) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = [each for each in public_functions(tree.body) if not is_called_by_dagster(each)]
    assert not [f"{path}:{each.lineno}: {fault}" for each in functions for fault in faults(each)]


@pytest.mark.parametrize("path", [path for path in MODULES if ">>>" in (ROOT / path).read_text()], ids=str)
def test_the_examples_are_true(path: Path) -> None:
    module = resolve_name(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
    done = doctest.testmod(module)
    assert (done.failed, done.attempted > 0) == (0, True)


def test_the_list_of_paths_that_are_not_converted_names_nothing_that_is_gone() -> None:
    assert not [path for path in not_converted() if not list(ROOT.glob(path))]
