"""Tests lie by what they need, and a module of tests is no library: what several share lies in `tests/worlds`."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FOLDERS = {"browser", "contracts", "engines", "flows", "resilience", "unit", "worlds"}
MODULES = sorted(path for path in TESTS.rglob("*.py") if "jars" not in path.parts)


def imported(module: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in found if name.split(".")[0] == "tests"}


def test_folders_are_those_that_are_known() -> None:
    assert {path.relative_to(TESTS).parts[0] for path in MODULES if path.parent != TESTS} == FOLDERS
    assert not [path for path in MODULES if path.name.startswith("test_") and path.parent.name == "worlds"]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(TESTS).as_posix())
def test_no_module_imports_tests(module: Path) -> None:
    strangers = {name for name in imported(module) if any(p.startswith(("test_", "conftest")) for p in name.split("."))}
    assert not strangers
