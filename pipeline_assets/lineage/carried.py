"""Results of checks that only a run can judge, carried over to the events that come after it.

Dagster shows a check of a run for the materialization that was the newest then, and none for later ones. What was found
stands until it is judged again, so it is told again, once: what is told outside of runs is shown for all events
outside of runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import dagster as dg

from pipeline_assets.lineage.evaluations import evaluation_in

if TYPE_CHECKING:
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord

#: Run of what is told outside of runs.
_NO_RUN: Final = ""
#: The metadata that says when a result was found that is carried over.
JUDGED_AT: Final = "judged_at"


def carried_over(
    instance: dg.DagsterInstance, repository: dg.RepositoryDefinition, assets: Iterable[str]
) -> Iterator[dg.AssetCheckEvaluation]:
    """Evaluations that say again what runs have found, for assets that get an event outside of runs.

    Parameters
    ----------
    instance
        Where the results are.
    repository
        All definitions.
    assets
        Keys of the assets, with slashes.

    Yields
    ------
    dg.AssetCheckEvaluation
        One for each check whose newest result is of a run that has ended.
    """
    names = set(assets)
    keys = [key for key in repository.asset_graph.asset_check_keys if key.asset_key.to_user_string() in names]
    newest = instance.event_log_storage.get_latest_asset_check_execution_by_key(sorted(keys))
    for key in sorted(newest):
        if evaluation := _carried(newest[key]):
            yield evaluation


def _carried(record: AssetCheckExecutionRecord) -> dg.AssetCheckEvaluation | None:
    """What a run found, as found then; None for what is no result of a run."""
    found = evaluation_in(record)
    if record.run_id == _NO_RUN or found is None:
        return None
    at = datetime.fromtimestamp(record.event.timestamp, UTC).isoformat(timespec="seconds") if record.event else ""
    return dg.AssetCheckEvaluation(
        asset_key=found.asset_key,
        check_name=found.check_name,
        passed=found.passed,
        severity=found.severity,
        description=f"{found.description} (as last judged {at})",
        metadata={**found.metadata, JUDGED_AT: dg.MetadataValue.text(at)},
        blocking=found.blocking,
    )
