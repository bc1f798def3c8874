"""What is red of an asset, by what is open; whoever asks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from pipeline_assets.errors import TransientError
from pipeline_assets.events.accounts import PartitionAccount
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.problems import Acknowledgement, Problem, share_rejected
from pipeline_assets.events.quarantine import Quarantine
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.flow_rows import FlowRow
from pipeline_assets.lineage.judged import Judged, judge_rows, judge_sources
from pipeline_assets.lineage.open_problems import FEW_REJECTED, OpenProblems
from tests.worlds.open_problems import MemoryProblems

DAY, OTHER = "2026-11-19", "2026-11-20"
MOST = 0.05


def problem(
    key: str, rejected: int, accepted: int, day: str = DAY, *, refused: str = "", assets: tuple[str, ...] = ("tickets",)
) -> Problem:
    source = ObjectVersion("b", key, "v1", "e", 10, f"{DAY}T10:00:00.000Z", key)
    counts = Counts(rejected + accepted, accepted, rejected)
    parts = tuple(PartitionCounts(asset, day, counts) for asset in assets)
    receipt = Receipt("tickets", source, 1, counts, parts, 10, 0.1, "1", f"{DAY}T11:00:00.000Z", refused)
    return Problem(receipt)


def said(of: Problem) -> Problem:
    receipt = of.receipt
    note = Acknowledgement("known", "ada", DAY, receipt.counts.quarantined, refused=bool(receipt.refused))
    return replace(of, noted=note)


def rows(*problems: Problem, accepted: int = 0) -> Judged:
    return judge_rows("tickets", problems, MOST, lambda _: accepted)


def keys(judged: Judged) -> list[str]:
    return [each.receipt.version.key for each in judged.bad]


@pytest.mark.parametrize(
    ("counts", "share"),
    [
        pytest.param(Counts(), 0.0, id="nothing"),
        pytest.param(Counts(received=20, accepted=19, quarantined=1), 0.05, id="of what is there"),
        pytest.param(
            Counts(received=264, accepted=127, quarantined=10, superseded=127),
            10 / 137,
            id="not of what was superseded",
        ),
        pytest.param(Counts(received=10, accepted=4, quarantined=1, duplicate=5), 0.2, id="nor of duplicates"),
    ],
)
def test_a_share_is_of_the_rows_that_somebody_answers_for(counts: Counts, share: float) -> None:
    assert share_rejected(counts) == pytest.approx(share)


def test_a_bad_file_in_a_big_day_is_bad_and_the_day_is_not() -> None:
    found = rows(problem("small", 5, 1), problem("big", 1, 500), accepted=10_000)
    assert (keys(found), found.bad_days, found.passed) == (["small"], {}, False)
    assert (found.rejected, found.sources) == (6, 2)
    assert found.worst == pytest.approx(5 / 6)


def test_a_file_with_exactly_the_greatest_share_is_good() -> None:
    assert rows(problem("a", 1, 19)).passed
    assert not rows(problem("a", 2, 37)).passed


def test_a_bad_day_of_a_good_file_is_bad() -> None:
    big = problem("big", 10, 990)
    parts = (
        PartitionCounts("tickets", DAY, Counts(10, 0, 10)),
        PartitionCounts("tickets", OTHER, Counts(990, 990)),
    )
    found = rows(replace(big, receipt=replace(big.receipt, partitions=parts)), accepted=3)
    assert (keys(found), found.passed) == ([], False)
    assert found.bad_days == {DAY: Counts(received=13, accepted=3, quarantined=10)}
    other_files = rows(replace(big, receipt=replace(big.receipt, partitions=parts)), accepted=1_000)
    assert other_files.passed


def test_the_account_of_a_day_is_asked_for_only_where_it_may_be_bad() -> None:
    asked: list[str] = []

    def accepted(day: str) -> int:
        asked.append(day)
        return 1

    judge_rows("tickets", [problem("a", 1, 99, DAY), problem("b", 9, 1, OTHER)], MOST, accepted)
    assert asked == [OTHER]


def test_the_same_rows_once_more_heal_nothing() -> None:
    once, again = problem("load-1", 10, 127), problem("load-2", 10, 127)
    assert keys(rows(once, accepted=127)) == ["load-1"]
    assert sorted(keys(rows(once, again, accepted=127))) == ["load-1", "load-2"]


def test_what_is_acknowledged_is_told_of_and_no_failure() -> None:
    found = rows(said(problem("a", 5, 1)), problem("b", 1, 99))
    assert (found.passed, keys(found), found.rejected, len(found.acknowledged)) == (True, [], 1, 1)


def test_what_turns_out_to_be_settled_is_not_told_of() -> None:
    found = judge_rows(
        "tickets",
        [problem("a", 5, 1), problem("b", 5, 2)],
        MOST,
        lambda _: 0,
        lambda each: each.receipt.version.key == "b",
    )
    assert keys(found) == ["b"]


class CountingLedger:
    """Many bad sources, of which it counts how many are looked up again."""

    def __init__(self, bad: int) -> None:
        self.problems = MemoryProblems([problem(f"{number:03}", 5, 1) for number in range(bad)])
        self.asked = 0

    def is_open(self, _: Problem) -> bool:
        self.asked += 1
        return self.asked > 1

    def account(self, asset: str, partition: str) -> PartitionAccount:
        assert (asset, partition) == ("tickets", DAY)
        return PartitionAccount.of({})


def test_so_many_are_looked_up_again_as_there_is_time_for_and_the_others_are_told_of() -> None:
    def quarantine() -> Quarantine:
        raise TransientError("it does not answer")

    ledger: Any = CountingLedger(bad=30)
    opened = OpenProblems(FlowRow("tickets", "tickets/landed"), ledger, quarantine, looked_at=4)
    result = opened.result(dg.AssetCheckKey(dg.AssetKey("tickets"), FEW_REJECTED), MOST)
    assert (ledger.asked, result.passed) == (4, False)
    assert result.metadata["files_bad"].value == 29, "the one that was settled is not told of"
    assert "5 of 6 rows (83%)" in str(result.description)


def test_rows_are_judged_where_their_source_has_some() -> None:
    elsewhere = problem("a", 5, 1, assets=("tickets/landed",))
    assert rows(elsewhere).passed
    assert not judge_rows("tickets/landed", [elsewhere], MOST, lambda _: 0).passed


def test_a_refused_source_is_judged_where_it_landed_or_at_the_anchor() -> None:
    placed = problem("a", 0, 0, refused="no header", assets=("raw/orders",))
    unplaced = problem("b", 0, 0, refused="no place", assets=())
    assert keys(judge_sources("raw/orders", [placed, unplaced], "raw/orders")) == ["b", "a"]
    assert keys(judge_sources("raw/stores", [placed, unplaced], "raw/orders")) == []
    assert judge_sources("raw/orders", [said(placed)], "raw/orders").passed
    assert rows(problem("a", 3, 0, refused="all rejected")).passed, "it is told of by the other check"
