"""The checks that every flow has: few rows are rejected, no file is refused, every receipt names what Dagster has.

They are judged by what is open in the ledger, by whoever asks: the bridge at every event, the watch where their answer
changed, and runs.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import dagster as dg

from pipeline_assets.lineage.flows import BridgedFlow, anchor_of
from pipeline_assets.lineage.open_problems import FEW_REJECTED, NO_FILE_REFUSED, RECEIPTS_KNOWN, OpenProblems
from pipeline_assets.lineage.resources import LedgerResource, QuarantineResource
from pipeline_assets.lineage.retries import RETRIES

#: Greatest share of rejected rows where no dataset says another.
MOST_REJECTED: Final = 0.05
#: Metadata of a check that is judged by what is open of a flow: name of the flow, and the greatest share.
_FLOW, _MOST = "flow", "most_rejected"


def receipts_known_check(flow: BridgedFlow) -> dg.AssetChecksDefinition:
    """The check `receipts_known` at the anchor of a flow."""
    description = (
        "Every receipt names assets and partitions that Dagster has; of one that does not, somebody has said why."
    )
    return _check(flow, dg.AssetCheckKey(anchor_of(flow), RECEIPTS_KNOWN), description)


def few_rejected_check(asset: dg.AssetKey, flow: BridgedFlow, most: float = MOST_REJECTED) -> dg.AssetChecksDefinition:
    """Check `few_rejected` of an asset.

    Parameters
    ----------
    asset
        The asset that is checked.
    flow
        The flow whose receipts name it.
    most
        Greatest share of rejected rows that a file or a day may have.

    Returns
    -------
    dg.AssetChecksDefinition
        Of the severity ERROR. It blocks nothing: what must not be made of bad rows has a gate of its own.
    """
    description = (
        f"Of every file and of every day at most {most:.0%} of the rows were rejected, as far as nobody has mended or "
        "acknowledged them. Judged is all that is open, whichever day is worked."
    )
    return _check(flow, dg.AssetCheckKey(asset, FEW_REJECTED), description, most)


def no_file_refused_check(asset: dg.AssetKey, flow: BridgedFlow) -> dg.AssetChecksDefinition:
    """The check `no_file_refused` of an asset that receipts of a flow name."""
    description = "No file was refused whole that nobody has replaced, mended or acknowledged."
    return _check(flow, dg.AssetCheckKey(asset, NO_FILE_REFUSED), description)


def rejection_checks(
    asset: dg.AssetKey, flow: BridgedFlow, most: float = MOST_REJECTED
) -> list[dg.AssetChecksDefinition]:
    """The checks `few_rejected` and `no_file_refused` of an asset.

    Parameters
    ----------
    asset, flow, most
        As `few_rejected_check` takes them.

    Returns
    -------
    list of dg.AssetChecksDefinition
        Both.
    """
    return [few_rejected_check(asset, flow, most), no_file_refused_check(asset, flow)]


def _check(
    flow: BridgedFlow, key: dg.AssetCheckKey, description: str, most: float = MOST_REJECTED
) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=key.asset_key,
        name=key.name,
        description=description,
        retry_policy=RETRIES,
        metadata={_FLOW: flow.name, _MOST: most},
    )
    def judged(ledger: LedgerResource, quarantine: QuarantineResource) -> dg.AssetCheckResult:
        return OpenProblems(flow, ledger.open(), lambda: quarantine.of_flow(flow)).result(key, most)

    return judged


def checks_of(
    flow: BridgedFlow, repository: dg.RepositoryDefinition, assets: Iterable[dg.AssetKey] | None = None
) -> Iterator[tuple[dg.AssetCheckKey, float]]:
    """The checks that are judged by what is open of a flow.

    Parameters
    ----------
    flow
        The flow.
    repository
        All definitions.
    assets
        Whose checks; those of all assets unless given.

    Yields
    ------
    tuple of (dg.AssetCheckKey, float)
        Each check with the greatest share of rejected rows that it allows.
    """
    chosen = None if assets is None else set(assets)
    graph = repository.asset_graph
    for key in sorted(graph.asset_check_keys):
        metadata: Any = graph.get_check_spec(key).metadata
        if metadata.get(_FLOW) == flow.name and (chosen is None or key.asset_key in chosen):
            yield key, metadata[_MOST]


def evaluation_of(key: dg.AssetCheckKey, result: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    """A result as it is told outside of a run."""
    # Without a partition: Dagster's table of evaluations takes only one outside of runs for each check and partition.
    return dg.AssetCheckEvaluation(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=bool(result.passed),
        severity=result.severity,
        description=result.description,
        metadata=result.metadata,
    )
