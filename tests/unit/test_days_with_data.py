"""A run over days without data is refused with a sentence, before anything is done."""

from collections.abc import Collection

import dagster as dg
import pytest

from pipeline_assets.lineage.days_with_data import MOST_WITHOUT, days_with_data
from pipeline_assets.lineage.partitions import ONE_RUN

DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-05-01")


def worked(first: str, last: str, there: Collection[str]) -> tuple[str, list[str], int]:
    """A run from one day to another: why it failed, the days it worked, and of how many was asked."""
    asked: list[str] = []
    done: list[str] = []

    def has_data(day: str) -> bool:
        asked.append(day)
        return day in there

    @dg.asset(partitions_def=DAYS, backfill_policy=ONE_RUN, retry_policy=dg.RetryPolicy(max_retries=3))
    def sold(context: dg.AssetExecutionContext) -> None:
        done.extend(days_with_data(context, context.partition_keys, has_data, "no file is known"))

    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    result = dg.materialize([sold], tags=tags, raise_on_error=False)
    failed = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    return (failed[0].message if failed and failed[0] else "", done, len(asked))


def test_days_with_data_are_worked_and_the_others_are_left() -> None:
    there = ["2026-01-02", "2026-01-04"]
    assert worked("2026-01-01", "2026-01-05", there) == ("", there, 5)


@pytest.mark.parametrize(
    ("last", "named"),
    [
        pytest.param("2026-01-01", "2026-01-01", id="one"),
        pytest.param(
            "2026-01-07",
            "2026-01-01, 2026-01-02, 2026-01-03, 2026-01-04, 2026-01-05 and 2 more",
            id="some",
        ),
    ],
)
def test_a_run_of_empty_days_alone_fails_at_once(last: str, named: str) -> None:
    failed, done, _ = worked("2026-01-01", last, [])
    assert failed == f"dagster._core.definitions.events.Failure: no file is known for {named}: nothing was done.\n"
    assert not done


def test_a_run_over_months_without_data_is_refused_before_all_of_them_are_looked_at() -> None:
    failed, done, asked = worked("2026-01-01", "2026-04-30", ["2026-01-01", "2026-04-30"])
    assert "no file is known for more than 31 of the 120 days from 2026-01-01 to 2026-04-30" in failed
    assert "the first of them 2026-01-02: nothing was done. Choose the days that have data." in failed
    assert (done, asked) == ([], MOST_WITHOUT + 2)
