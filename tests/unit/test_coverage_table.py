"""The table of requirements speaks of files and tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "coverage.md").read_text().splitlines()
    if re.match(r"\| S\d", line)
]


def test_no_requirement_is_missing_or_told_twice() -> None:
    ids = [row[0] for row in ROWS]
    assert len(ids) == len(set(ids)) == 185


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_is_met_by_files_and_tests_that_exist(row: list[str]) -> None:
    _, kind, requirement, where, test, status = row
    assert kind in {"core", "ops"}
    assert requirement
    assert status in {"met", "planned", "not built"}
    assert bool(where and test) == (status == "met")
    assert bool(where) is (status != "planned")
    for place in re.findall(r"`([^`]+)`", where):
        assert (ROOT / place).exists(), place
    for named in re.findall(r"`([^`]+)`", test):
        path, _, inside = named.partition("::")
        function = inside.rpartition("::")[-1]
        assert f"def {function}" in (ROOT / "tests" / path).read_text(), named
