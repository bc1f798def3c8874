"""Where partitions begin and which days they leave out is what the deployment says."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from pipeline_assets.datasets.calendar import RETAIL
from pipeline_assets.events.environment import UnknownSettingError
from pipeline_assets.lineage.days import CLOSED_DAYS, FIRST_ARRIVAL_DAY, FIRST_DAY, FIRST_PRICE_DAY, Days
from pipeline_assets.lineage.partitions import days_since, is_left_out

TODAY = datetime.now(UTC).date()


def test_without_settings_there_is_a_first_day_that_never_moves() -> None:
    days = Days.from_environment({})
    first = date(2026, 1, 1)
    assert days == Days(first, first, first, frozenset({"12-25"}))


def test_the_deployment_says_its_days() -> None:
    days = Days.from_environment({FIRST_DAY: "2025-02-03", CLOSED_DAYS: "12-25, 2025-05-01"})
    assert (days.first, days.first_arrival) == (date(2025, 2, 3), date(2025, 2, 3))
    closed = ["2025-12-25", "2026-12-25", "2025-05-01"]
    assert [day for day in [*closed, "2026-05-01", "2025-02-03"] if days.leaves_out(day, "tickets")] == closed
    assert days.leaves_out("2025-02-02", "tickets")
    assert not days.leaves_out("2025-12-25", "stocks")
    assert days.begins("tickets") == (FIRST_DAY, date(2025, 2, 3))
    assert days.calendar(RETAIL.name).longest_closure == timedelta(days=1)
    assert not Days.from_environment({CLOSED_DAYS: "none"}).closed
    assert Days.from_environment({FIRST_ARRIVAL_DAY: TODAY.isoformat()}).first_arrival == TODAY
    assert Days.from_environment({FIRST_PRICE_DAY: "2026-02-03"}).begins("stocks") == (
        FIRST_PRICE_DAY,
        date(2026, 2, 3),
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        (FIRST_DAY, "yesterday"),
        (FIRST_DAY, (TODAY + timedelta(days=1)).isoformat()),
        (FIRST_ARRIVAL_DAY, "2026-13-01"),
        (CLOSED_DAYS, "12-25;12-26"),
        (CLOSED_DAYS, "13-25"),
        (CLOSED_DAYS, "20261123"),
    ],
)
def test_what_is_no_day_is_told_with_its_variable(variable: str, value: str) -> None:
    with pytest.raises(UnknownSettingError, match=f"{variable} is '{value}'"):
        Days.from_environment({variable: value})


def test_partitions_are_the_days_of_the_deployment_without_the_closed_ones() -> None:
    first = TODAY - timedelta(days=10)
    closed = [(first + timedelta(days=3)).isoformat(), (first + timedelta(days=5)).strftime("%m-%d")]
    partitions = days_since(first, with_tomorrow=True, closed=frozenset(closed))
    expected = [first + timedelta(days=number) for number in range(12) if number not in {3, 5}]
    assert partitions.get_partition_keys() == [day.isoformat() for day in expected]
    left_out = [first - timedelta(days=1), first + timedelta(days=3), first + timedelta(days=5)]
    assert all(is_left_out(partitions, day.isoformat()) for day in left_out)
    others = [*(day.isoformat() for day in expected), (TODAY + timedelta(days=2)).isoformat(), "2015-1-1", "a", ""]
    assert not any(is_left_out(partitions, key) for key in others)
    assert not is_left_out(dg.StaticPartitionsDefinition(["2015-01-01"]), "2015-01-01")


def test_all_daily_assets_begin_with_the_settings_of_their_process() -> None:
    code = """
import dagster as dg
from pipeline_assets.definitions import defs
graph = defs.resolve_asset_graph()
daily = [node for node in graph.asset_nodes if isinstance(node.partitions_def, dg.TimeWindowPartitionsDefinition)]
arriving = ("landed", "search/query_log")
kinds = {
    node.key: "landed" if node.key.to_user_string().endswith(arriving) else node.key.path[0] == "stocks"
    for node in daily
}
firsts = {(kinds[node.key], node.partitions_def.get_first_partition_key()) for node in daily}
print(sorted(firsts, key=str))
"""
    settings = {FIRST_DAY: "2026-03-05", FIRST_PRICE_DAY: "2026-05-06", FIRST_ARRIVAL_DAY: "2026-04-06"}
    environment = {**settings, "PATH": ""}
    command = [sys.executable, "-W", "ignore", "-c", code]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[('landed', '2026-04-06'), (False, '2026-03-05'), (True, '2026-05-06')]"
