"""An instance keeps its days: what is loaded lets them begin earlier, a restart changes nothing."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from deploy.local.instance import Instance
from deploy.local.instance_days import add_days, days_environment, settle_days
from pipeline_assets.events.environment import UnknownSettingError
from pipeline_assets.lineage.days import CLOSED_DAYS, FIRST_DAY, SETTINGS, Days

TODAY = datetime.now(UTC).date()
AGO = {days: TODAY - timedelta(days=days) for days in range(40)}


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    return Instance(tmp_path, 20_000)


def kept(instance: Instance) -> Days:
    return Days.from_environment(days_environment(instance))


def test_a_new_instance_begins_a_fortnight_ago_and_its_files_arrive_from_today_on(instance: Instance) -> None:
    assert settle_days(instance) == kept(instance) == Days(AGO[14], TODAY, TODAY, frozenset({"12-25"}))


def test_a_sample_says_where_days_begin_and_which_were_closed(instance: Instance) -> None:
    add_days(instance, AGO[3], AGO[1], [])
    assert settle_days(instance) == Days(AGO[3], TODAY, TODAY, frozenset())
    add_days(instance, AGO[30], AGO[1], [AGO[5]])
    assert kept(instance) == Days(AGO[30], TODAY, TODAY, frozenset({AGO[5].isoformat()}))
    add_days(instance, AGO[10], AGO[1], [AGO[4]])
    assert kept(instance) == Days(AGO[30], TODAY, TODAY, frozenset({AGO[4].isoformat()})), "the fifth has sales now"
    add_days(instance, AGO[2], AGO[1], [])
    assert kept(instance) == Days(AGO[30], TODAY, TODAY, frozenset({AGO[4].isoformat()})), (
        "of another day nothing new is said"
    )


def test_a_restart_changes_nothing_but_what_is_said(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    (instance.state / "days.json").write_text(
        json.dumps(dict(zip(SETTINGS, ("2025-03-04", "2026-06-07", "2026-05-06", "none"), strict=True)))
    )
    assert settle_days(instance) == Days(date(2025, 3, 4), date(2026, 6, 7), date(2026, 5, 6), frozenset())
    monkeypatch.setenv(FIRST_DAY, "2025-02-03")
    monkeypatch.setenv(CLOSED_DAYS, "12-25,12-26")
    settle_days(instance)
    monkeypatch.delenv(FIRST_DAY)
    monkeypatch.delenv(CLOSED_DAYS)
    assert settle_days(instance) == Days(
        date(2025, 2, 3), date(2026, 6, 7), date(2026, 5, 6), frozenset({"12-25", "12-26"})
    )
    monkeypatch.setenv(FIRST_DAY, "soon")
    with pytest.raises(UnknownSettingError, match="CESTA_FIRST_DAY is 'soon': it must be a day"):
        settle_days(instance)
