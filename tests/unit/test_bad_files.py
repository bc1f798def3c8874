"""Every kind of bad input once, at the reader and the row rules; `tests/flows/test_bad_files.py` sends them all."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline_assets.csv_files import reading
from pipeline_assets.csv_files.reading import RefusedFileError, open_csv
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.rejection import Rejection
from pipeline_assets.graph.ownership import Line, TicketKey
from pipeline_assets.tickets.rows import RowRules
from tests.worlds.ticket_file_cases import CASES
from tests.worlds.ticket_files import HEAD, Case, row

ARRIVED = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def judged(path: Path, name: str) -> list[Line | Rejection]:
    with open_csv(path, name, TICKETS) as file:
        rules = RowRules(file.header, ARRIVED)
        return [rules.line(number, fields) for number, fields in file.records()]


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "object"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.item)
def test_the_rest_of_a_file_is_accepted_or_one_sentence_says_why_not(tmp_path: Path, case: Case) -> None:
    path = written(tmp_path, case.body("T"))
    if case.refused and not case.rejected:
        with pytest.raises(RefusedFileError) as refused:
            judged(path, case.name)
        assert str(refused.value) == case.refusal(case.name)
        assert refused.value.rows == case.lost
        return
    outcomes = judged(path, case.name)
    assert [each.reason for each in outcomes if isinstance(each, Rejection)] == [bad.reason for bad in case.rejected]
    lines = [each for each in outcomes if isinstance(each, Line)]
    assert len(lines) == case.accepted + case.duplicate
    assert len({(line.ticket_id, line.fingerprint) for line in lines}) == case.accepted


def test_every_item_has_a_name_of_its_own() -> None:
    assert len({case.item for case in CASES}) == len(CASES)


def test_a_gzip_file_without_an_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LARGEST_OBJECT", 100_000_000)
    with gzip.open(tmp_path / "object", "wb") as bomb:
        bomb.write(HEAD.encode())
        for _ in range(101):
            bomb.write(b"\n" * 1_000_000)
    with pytest.raises(RefusedFileError) as refused:
        judged(tmp_path / "object", "t.csv.gz")
    found, expected = "its gzip data unpacks to more than 100000000 bytes", "at most 1.5 GB, unpacked; split the file"
    assert (refused.value.rule, str(refused.value)) == ("size", f"t.csv.gz: {found}; expected {expected}")


@pytest.mark.parametrize("head", ["ticket_id,product\n", HEAD], ids=["bad header", "good header"])
def test_whoever_reads_may_stop_in_any_part_of_a_file(tmp_path: Path, head: str) -> None:
    class TooLongError(Exception):
        pass

    def stop() -> None:
        raise TooLongError

    path = written(tmp_path, (head + "\n" * 20_000).encode())
    with pytest.raises(TooLongError), open_csv(path, "t.csv", TICKETS, stop) as file:
        list(file.records())


def test_the_rows_of_a_refused_file_are_counted_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MOST_COUNTED", 10)
    with pytest.raises(RefusedFileError) as refused:
        judged(written(tmp_path, b"ticket_id,product\n" + b"T1,Bread\n" * 50), "t.csv")
    assert refused.value.rows == 10


def test_a_quotation_mark_in_many_rows_costs_only_those_rows(tmp_path: Path) -> None:
    lines = [row(f"T{n}", product='"Bread' if n % 10 == 0 else "Bread") for n in range(1_000)]
    outcomes = judged(written(tmp_path, (HEAD + "".join(lines)).encode()), "t.csv")
    assert [each.number for each in outcomes if isinstance(each, Rejection)] == list(range(1, 1_001, 10))
    assert sum(isinstance(each, Line) for each in outcomes) == 900


def test_a_file_of_open_quotation_marks_is_read_in_bounded_steps(tmp_path: Path) -> None:
    outcomes = judged(written(tmp_path, (HEAD + 'a",",\n' * 5_000).encode()), "t.csv")
    assert len(outcomes) == 5_000
    assert all(isinstance(each, Rejection) for each in outcomes)


def test_a_crowded_ticket_gets_no_more_rows() -> None:
    rules = RowRules(HEAD.strip().split(","), ARRIVED)
    rules.crowded = frozenset({TicketKey("S1", "?", "B1", "2026-11-14").text})
    rejected = rules.line(15_001, row("?").strip().split(","))
    assert isinstance(rejected, Rejection)
    assert rejected.rule == "ticket_size"
    assert rejected.reason == "row 15001, column ticket_id: found '?', expected a ticket of at most 10000 rows"
    assert isinstance(rules.line(15_002, row("T1").strip().split(",")), Line)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.item)
def test_a_file_is_gone_on_with_at_any_record(tmp_path: Path, case: Case) -> None:
    path = written(tmp_path, case.body("T"))
    if case.refused:
        return
    with open_csv(path, case.name, TICKETS) as file:
        whole = [(number, fields, file.position) for number, fields in file.records()]
    for done, (number, _, position) in enumerate(whole, 1):
        with open_csv(path, case.name, TICKETS) as file:
            file.resume_at(number + 1, position)
            assert list(file.records()) == [(row, fields) for row, fields, _ in whole[done:]]


@pytest.mark.parametrize("missing", [4, 8, 12, 30, 50])
def test_who_goes_on_behind_the_last_row_of_a_cut_file_knows_that_it_was_cut(tmp_path: Path, missing: int) -> None:
    path = tmp_path / "cut.csv"
    path.write_bytes(gzip.compress((HEAD + "".join(row(f"T{number}") for number in range(40))).encode())[:-missing])
    with open_csv(path, path.name, TICKETS) as file:
        *_, (last, _) = file.records()
        position, cut = file.position, file.cut
    assert cut
    with open_csv(path, path.name, TICKETS) as file:
        file.resume_at(last + 1, position)
        assert list(file.records()) == []
        assert file.cut == cut
