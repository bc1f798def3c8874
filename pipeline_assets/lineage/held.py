"""Places that a bridge does not tell yet, as others tell them first, or what they are made of.

- A *run* that works a place tells it itself, as soon as it is done, and names the receipts of that work. While the run
  works, the bridge would tell the same a second time. Once it has ended, even by a kill, the bridge tells what is left.
- A place that Dagster calls stale by versions names the events of *what it is made of*. Where another flow tells those,
  as the lake's loads are made of curated days, they have to be there first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import dagster as dg

from pipeline_assets.events.ledger import Ledger, PendingReport
from pipeline_assets.lineage.bridge import Place
from pipeline_assets.lineage.places import made_of_in
from pipeline_assets.lineage.run_places import owed_by_runs
from pipeline_assets.lineage.tick_time import OTHERS_END, TickTime

_FLOW_TAG = "flow"
_LIMIT = 20_000


def held_places(
    reports: Sequence[PendingReport],
    ledger: Ledger,
    instance: dg.DagsterInstance,
    repository: dg.RepositoryDefinition,
    tick: TickTime,
) -> Callable[[Place], bool]:
    """How to tell whether a place waits for others; to be asked after the receipts are read, before the look-up.

    Parameters
    ----------
    reports
        The receipts of one flow, which wait.
    ledger
        Where the receipts of other flows wait.
    instance
        Where runs are.
    repository
        The definitions.
    tick
        Time of the tick: where it does not suffice to read those, what may be made of them is held.

    Returns
    -------
    Callable[[Place], bool]
        Whether a place is held.
    """
    if not reports:
        return lambda _: False
    owed = owed_by_runs(instance)
    made_of = made_of_in(repository)
    named = {Place(part.asset, part.partition) for report in reports for part in report.receipt.partitions}
    inputs = {each for place in named for each in made_of(place)}
    others = {_flow_of(each, repository) for each in inputs} - {reports[0].receipt.flow, ""}
    waiting: set[Place] = set()
    unread: set[str] = set()
    for other in sorted(others):
        for report in ledger.each_pending(other, limit=_LIMIT):
            if tick.passed > OTHERS_END:
                unread.add(other)
                break
            waiting.update(Place(part.asset, part.partition) for part in report.receipt.partitions)

    def held(place: Place) -> bool:
        return owed(place) or any(
            _flow_of(each, repository) in unread or (each in waiting and _flow_of(each, repository) in others)
            for each in made_of(place)
        )

    return held


def _flow_of(place: Place, repository: dg.RepositoryDefinition) -> str:
    """The flow that tells a place, by the tag of its asset."""
    key = dg.AssetKey.from_user_string(place.asset)
    return repository.asset_graph.get(key).tags.get(_FLOW_TAG, "")
