"""Runs that somebody asks for by a request which stays until it is answered: one at a time, and another each hour."""

from datetime import datetime, timedelta
from typing import Final

import dagster as dg
from dagster._core.storage.tags import RUN_KEY_TAG

#: The most runs that a look at requests starts.
STARTED_AT_ONCE: Final = 10
#: The tag of a run that was asked for.
_ASKED_FOR: Final = "cesta/asked_for"
_ASKED_AGAIN: Final = timedelta(hours=1)
_FINISHED: Final = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
_UNFINISHED: Final = [status for status in dg.DagsterRunStatus if status not in _FINISHED]


def asked_run(
    asset: dg.AssetKey, day: str, name: str, requests: str, *, since: datetime, now: datetime
) -> dg.RunRequest:
    """Make the run that answers requests for a day of an asset: one for these, and another each hour they stay.

    Parameters
    ----------
    asset, day
        What is materialized, and the day, ISO.
    name
        What is asked for, such as ``orders/2026-03-02``.
    requests
        What tells these requests from others for the same.
    since
        When the first of them was put; the same may be asked for once more after it was answered.
    now
        The time.

    Returns
    -------
    dg.RunRequest
        The run, whose key Dagster starts once.
    """
    hours = int((now - since) / _ASKED_AGAIN)
    return dg.RunRequest(
        run_key=f"{name}/{requests}/{since:%Y%m%dT%H%M%S}/{hours}",
        asset_selection=[asset],
        partition_key=day,
        tags={_ASKED_FOR: name},
    )


def is_started(instance: dg.DagsterInstance, run: dg.RunRequest) -> bool:
    """Whether a run for the same is under way, or this one was started: it would take the place of one that waits."""
    at_it = dg.RunsFilter(tags={_ASKED_FOR: run.tags[_ASKED_FOR]}, statuses=_UNFINISHED)
    started = dg.RunsFilter(tags={RUN_KEY_TAG: str(run.run_key)})
    return any(instance.get_runs_count(each) for each in (at_it, started))
