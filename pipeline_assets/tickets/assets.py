"""The ticket flow as assets: what a Lambda did for one file, a person can do again for a day or a range of days."""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg

from pipeline_assets import __version__
from pipeline_assets.datasets.spec import Column
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.accounts import data_version, partition_state, sources_table, state_figures, work_figures
from pipeline_assets.events.outcomes import TransientError
from pipeline_assets.settings import Settings
from pipeline_assets.tickets.ingest import LANDED, SOLD
from pipeline_assets.tickets.partitions import arrival_days, purchase_days
from pipeline_assets.tickets.rebuild import Rebuild, rebuild_graph
from pipeline_assets.tickets.reload import CatchUp, PartitionReload, catch_up, reload_partition
from pipeline_assets.tickets.stores import TicketStores, open_stores

_GROUP = "tickets"
_RETRIES = 3
_RETRY_SECONDS = 10
_PROGRESS_SECONDS = 2.0
_TYPES = {"text": "string", "number": "double", "datetime": "timestamp"}
LANDED_KEY = dg.AssetKey.from_user_string(LANDED)
SOLD_KEY = dg.AssetKey.from_user_string(SOLD)

# Said again by every process that loads the definitions otherwise; the version of Dagster is pinned below 1.14.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)


class TicketStoresResource(dg.ConfigurableResource["TicketStoresResource"]):
    """The stores that the environment names, opened when they are used, never when definitions are loaded."""

    @contextmanager
    def open(self) -> Iterator[TicketStores]:
        """All stores; a step in which one does not answer waits and is tried again.

        Raises `MissingSettingError` when the environment lacks a variable.
        """
        try:
            with open_stores(Settings.from_environment()) as stores:
                yield stores
        except TransientError as error:
            raise dg.RetryRequested(max_retries=_RETRIES, seconds_to_wait=_RETRY_SECONDS) from error

    def catch_up(self, progress: Callable[[str], None]) -> CatchUp:
        """Bring into the graph what the ledger knows and the graph lacks."""
        with self.open() as stores:
            return catch_up(stores, progress=_now_and_then(progress))

    def rebuild(self, progress: Callable[[str], None], *, force: bool) -> Rebuild:
        """Build the graph anew from every stored version of every ticket file; raises `ObjectsGoneError`."""
        bucket = Settings.from_environment().require_tickets_bucket()
        tell = _now_and_then(progress)
        with self.open() as stores:
            return rebuild_graph(
                stores, bucket, force=force, progress=lambda what, done, of: tell(f"{what}: {done} of {of}")
            )


def _table_column(column: Column) -> dg.TableColumn:
    return dg.TableColumn(
        name=column.name,
        type=_TYPES[column.type],
        description=f"{column.meaning}; {column.unit}" if column.unit else column.meaning,
        constraints=dg.TableColumnConstraints(nullable=column.nullable),
    )


_SCHEMA = dg.TableSchema(columns=[_table_column(column) for column in TICKETS.columns])
_LINEAGE = dg.TableColumnLineage(
    {name: [dg.TableColumnDep(asset_key=LANDED_KEY, column_name=name)] for name in TICKETS.column_names}
)
_RULES = "\n".join(
    ["| rule | where it is broken | expected |", "|---|---|---|"]
    + [f"| {rule.name} | {rule.severity} | {rule.expected} |" for rule in TICKETS.rules]
)
#: The same as `_LINEAGE`, for people: the open-source pages do not draw column lineage.
_LINEAGE_TABLE = "\n".join(
    ["| column | from | meaning |", "|---|---|---|"]
    + [f"| {column.name} | {LANDED}: {column.name} | {column.meaning} |" for column in TICKETS.columns]
)


@dg.asset(
    key=LANDED_KEY,
    partitions_def=arrival_days,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name=_GROUP,
    kinds={"s3", "csv"},
    owners=[TICKETS.owner],
    code_version=__version__,
    tags={"flow": "tickets", "layer": "landed"},
    description=f"{TICKETS.description} By the UTC day they arrived in S3; every row received is accounted for here. "
    "Materializing a day works its files through again, which leaves the same graph.",
    metadata={"dagster/column_schema": _SCHEMA, "rules": dg.MetadataValue.md(_RULES)},
)
def landed(context: dg.AssetExecutionContext, stores: TicketStoresResource) -> dg.MaterializeResult[None]:
    """The files that arrived on the days of this run, worked through again."""
    return _reload(context, stores, LANDED)


@dg.asset(
    key=SOLD_KEY,
    # A file may bring purchases of any day, so every arrival day feeds every purchase day. What this costs and what it
    # spares is in docs/adr/0003-receipts-bridge.md.
    deps=[dg.AssetDep(LANDED_KEY, partition_mapping=dg.AllPartitionMapping())],
    partitions_def=purchase_days,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name=_GROUP,
    kinds={"lambda", "neo4j"},
    owners=[TICKETS.owner],
    code_version=__version__,
    tags={"flow": "tickets", "layer": "accepted"},
    description="The purchase tickets in the graph by the UTC day of the purchase; rows whose time could not be read "
    "are in tickets/landed only. Materializing a day works every file that has rows of it through again.",
    metadata={
        "dagster/column_schema": _SCHEMA,
        "dagster/column_lineage": _LINEAGE,
        "column_lineage": dg.MetadataValue.md(_LINEAGE_TABLE),
    },
)
def tickets(context: dg.AssetExecutionContext, stores: TicketStoresResource) -> dg.MaterializeResult[None]:
    """The purchases of the days of this run, worked through again from the files that brought them."""
    return _reload(context, stores, SOLD)


def _reload(context: dg.AssetExecutionContext, source: TicketStoresResource, asset: str) -> dg.MaterializeResult[None]:
    """Work all partitions of the run through again, each with metadata of its own."""
    days = context.partition_keys
    worked: list[str] = []
    empty: list[str] = []
    with source.open() as stores:
        for number, day in enumerate(days, 1):
            done = reload_partition(asset, day, stores, progress=_now_and_then(context.log.info))
            context.add_asset_metadata(metadata=_metadata(asset, day, done), partition_key=day)
            worked += [receipt.id for receipt in done.receipts]
            if not done.receipts:
                empty.append(day)
                continue
            context.log.info("%s %s (%d of %d): %s", asset, day, number, len(days), _said(done))
            for receipt in done.receipts:
                if receipt.refused:
                    context.log.warning(receipt.refused)
    if empty:
        context.log.info("%s: no file is known for %d of %d days: nothing to do there", asset, len(empty), len(days))
    # Dagster takes one data version for all events of a run; each partition's own is in its metadata.
    return dg.MaterializeResult(data_version=dg.DataVersion(data_version(worked)))


def _metadata(asset: str, day: str, done: PartitionReload) -> dict[str, dg.MetadataValue | int | float | str]:
    sources = [receipt.source for receipt in done.receipts]
    refused = sum(bool(receipt.refused) for receipt in done.receipts)
    return {
        **state_figures(asset, day, partition_state(done.state)),
        **work_figures(done.counts, size=done.size, seconds=done.seconds, objects=len(sources), refused=refused),
        "code_version": __version__,
        "result": _said(done),
        "sources": dg.MetadataValue.md(sources_table(sources)),
    }


def _said(done: PartitionReload) -> str:
    if not done.receipts:
        return "no file is known for this day: nothing to do"
    rows = ", ".join(f"{number} {outcome}" for outcome, number in done.counts.as_dict().items())
    files = "1 file" if len(done.receipts) == 1 else f"{len(done.receipts)} files"
    return f"{files} worked through again in {done.seconds:.1f} s; rows: {rows}"


def _now_and_then(log: Callable[[str], None]) -> Callable[[str], None]:
    """Pass on at most one line every few seconds: each is a row in Dagster's event log."""
    last = time.monotonic()

    def progress(line: str) -> None:
        nonlocal last
        if time.monotonic() - last >= _PROGRESS_SECONDS:
            last = time.monotonic()
            log(line)

    return progress
