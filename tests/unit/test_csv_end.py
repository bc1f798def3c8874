"""Whether the end of a CSV file was reached, and that whoever goes on reads what is left."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline_assets.csv_files import records as records_module
from pipeline_assets.csv_files.reading import open_csv
from pipeline_assets.datasets.tickets import TICKETS
from tests.worlds.csv_reading import tickets, whole_reading
from tests.worlds.ticket_files import HEAD, row, two

UNCUT: dict[str, Callable[[], str | bytes]] = {
    "whole": lambda: two("T"),
    "without a last newline": lambda: two("T")[:-1],
    "CR": lambda: two("T").replace("\n", "\r"),
    "a value of two lines at the end, without a newline": lambda: two("T") + row("T-3", product='"two\nlines"')[:-1],
    "a value of three lines at the end, without a newline": lambda: two("T") + row("T-3", product='"a\nb\nc"')[:-1],
    "a value with blank lines at the end, without a newline": lambda: (
        two("T") + row("T-3", store='"a, b\n\n\n, c"')[:-1]
    ),
    "a mark left open before": lambda: HEAD + row("T-1", product='"x') + row("T-2")[:-1],
    "a bad row that ends": lambda: two("T") + "T-3,x\n",
    "an accent at the end": lambda: two("T") + row("T-3", store="Café")[:-1],
    "a byte that is no UTF-8, in a last line that ends": lambda: (two("T") + row("T-3", store="Café")).encode(
        "latin-1"
    ),
    "too many fields": lambda: two("T") + row("T-3")[:-1] + ",x",
    "blank lines": lambda: two("T") + "\n \n ",
    "Ctrl-Z": lambda: two("T") + "\x1a",
    "header only": lambda: HEAD[:-1],
    "gzip": lambda: gzip.compress(two("T").encode()),
    "gzip, without a last newline": lambda: gzip.compress(two("T")[:-1].encode()),
}
CUT: dict[str, tuple[Callable[[], str | bytes], str]] = {
    "in a field": (lambda: two("T") + "T-3,Br", "its last line"),
    "after a comma": (lambda: two("T") + row("T-3").rpartition(",")[0], "its last line"),
    "within quotation marks": (lambda: two("T") + 'T-3,"Bread, wh', "its last line"),
    "in the last field, within quotation marks": (lambda: two("T") + row("T-3", store='"S1')[:-1], "its last line"),
    "within a value of two lines": (lambda: two("T") + 'T-3,"two\nli', "its last line"),
    "below what is no value of two lines": (lambda: HEAD + 'T-1,Brea,,,,,,d,B1,"two\nlines, x",Ba', "its last line"),
    "below a value of two lines": (lambda: HEAD + row("T-1", product='"two\nlines"') + "T-2,", "its last line"),
    "within a character": (lambda: (two("T") + row("T-3", store="Café")[:-1]).encode()[:-1], "its last line"),
    "within a character of four bytes": (
        lambda: (two("T") + row("T-3", store='"\U0001f35e')[:-1]).encode()[:-1],
        "its last line",
    ),
    "where no NUL was written over": (lambda: two("T") + "\x00" * 5_000, "it ends with NUL"),
    "where no NUL was written over, in a row": (lambda: two("T") + "T-3,Br" + "\x00" * 500, "it ends with NUL"),
    "gzip without its end": (lambda: gzip.compress(two("T").encode())[:-8], "gzip data that breaks off"),
    "gzip without most of it": (lambda: gzip.compress(two("T").encode())[:-20], "gzip data that breaks off"),
    "gzip of a cut file": (lambda: gzip.compress((two("T") + "T-3").encode()), "its last line"),
}


class TestTheEnd:
    @pytest.mark.parametrize("case", UNCUT)
    def test_is_reached(self, tmp_path: Path, case: str) -> None:
        self._check(tmp_path / "f", UNCUT[case](), "")

    @pytest.mark.parametrize("case", CUT)
    def test_is_not_reached(self, tmp_path: Path, case: str) -> None:
        content, why = CUT[case]
        self._check(tmp_path / "f", content(), why)

    def _check(self, path: Path, content: str | bytes, why: str) -> None:
        """Whoever reads, and from wherever, is told the same: also when nothing is left to read."""
        *whole, (_, _, end, cut) = whole_reading(path, content)
        assert cut.startswith(why)
        assert bool(cut) == bool(why)
        for done, (number, _, position, _) in enumerate(whole, 1):
            with open_csv(path, "t.csv", TICKETS) as file:
                file.peek(1)
                file.resume_at(number + 1, position)
                assert [fields for _, fields in file.records()] == [fields for _, fields, _, _ in whole[done:]]
                assert (file.cut, file.position) == (cut, end)

    def _large(self) -> bytes:
        rows = "".join(row(f"T-{n}", product=f"P{n * 7919 % 10007} " * 20) for n in range(2_000))
        return gzip.compress((HEAD + rows).encode())

    @pytest.mark.parametrize("missing", [1, 8, 100, 4_000, 8_000])
    def test_of_a_large_gzip_file_that_breaks_off_is_known_at_its_last_record(
        self, tmp_path: Path, missing: int
    ) -> None:
        *whole, (_, _, _end, cut) = whole_reading(tmp_path / "f", self._large()[:-missing])
        assert cut.startswith("gzip data that breaks off")
        number, _, position, _ = whole[-1]
        with open_csv(tmp_path / "f", "t.csv", TICKETS) as file:
            file.resume_at(number + 1, position)
            assert (list(file.records()), file.cut) == ([], cut)

    def test_is_looked_at_in_the_last_part_of_a_long_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(records_module, "_TAIL", 200)
        self._check(tmp_path / "f", HEAD + "".join(row(f"T-{n}") for n in range(20)) + "T-20,Br", "its last line")
        self._check(tmp_path / "f", HEAD + "".join(row(f"T-{n}") for n in range(20))[:-1], "")


LINES = st.lists(
    st.sampled_from(
        ["T-1", ",", ",,,", "\n", "\r\n", '"', '""', "é", "\x00", '"two\nlines"', row("T-1"), row("T-2")[:-1]]
    ),
    max_size=14,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(pieces=LINES, most=st.integers(1, 3))
@example(pieces=['"', "\n", '"', "\n", '"'], most=1)
def test_whoever_goes_on_reads_what_is_left_as_it_was_read_at_once(
    tmp_path: Path, pieces: list[str], most: int
) -> None:
    *whole, (_, _, end, cut) = whole_reading(tmp_path / "f", HEAD + "".join(pieces))
    for done, (number, _, position, _) in enumerate(whole, 1):
        with open_csv(tmp_path / "f", "t.csv", TICKETS) as file:
            file.peek(most)
            file.resume_at(number + 1, position)
            left = [(number, fields, file.position) for number, fields in file.records()]
            assert left == [(number, fields, position) for number, fields, position, _ in whole[done:]]
            assert (file.cut, file.position) == (cut, end)


def test_the_first_records_are_read_again(tmp_path: Path) -> None:
    for content in (two("T").encode(), gzip.compress(two("T").encode()), gzip.compress(two("T").encode())[:-8]):
        (tmp_path / "f").write_bytes(content)
        with open_csv(tmp_path / "f", "t.csv", TICKETS) as file:
            first = file.peek(100)
            assert [fields for _, fields in file.records()] == first
            assert tickets(first) == ["T-1", "T-2"]
