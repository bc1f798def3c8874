"""The ticket flow as assets: what a Lambda did for one file, a person can do again for a day or a range of days."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg

from pipeline_assets import __version__
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.errors import TransientError
from pipeline_assets.lineage.columns import lineage_of, rules_table, schema_of
from pipeline_assets.lineage.partitions import days_since
from pipeline_assets.lineage.redo import now_and_then, redo_days, tried_again
from pipeline_assets.settings import TicketSettings
from pipeline_assets.tickets.catch_up import CatchUp, catch_up
from pipeline_assets.tickets.ingest import TICKET_FLOW
from pipeline_assets.tickets.rebuild import Rebuild, rebuild_graph
from pipeline_assets.tickets.rows import FIRST_DAY
from pipeline_assets.tickets.stores import TicketStores, open_stores

_GROUP = "tickets"
arrival_days = days_since(FIRST_DAY.isoformat())
#: A purchase may lie up to one day after its file's arrival.
purchase_days = days_since(FIRST_DAY.isoformat(), with_tomorrow=True)
LANDED_KEY = dg.AssetKey.from_user_string(TICKET_FLOW.landed)
SOLD_KEY = dg.AssetKey.from_user_string(TICKET_FLOW.name)


class TicketStoresResource(dg.ConfigurableResource["TicketStoresResource"]):
    """The stores that the environment names, opened when they are used, never when definitions are loaded."""

    @contextmanager
    def open(self) -> Iterator[TicketStores]:
        """All stores; a step in which one does not answer waits and is tried again.

        Raises `MissingSettingError` when the environment lacks a variable.
        """
        with tried_again(), open_stores(TicketSettings.from_environment()) as stores:
            yield stores

    def catch_up(self, progress: Callable[[str], None]) -> CatchUp:
        """Bring into the graph what the ledger knows and the graph lacks."""
        with self.open() as stores:
            return catch_up(stores, progress=now_and_then(progress))

    def rebuild(self, progress: Callable[[str], None], *, force: bool) -> Rebuild:
        """Build the graph anew from every stored version of every ticket file; raises `ObjectsGoneError`."""
        bucket = TicketSettings.from_environment().require_tickets_bucket()
        tell = now_and_then(progress)
        try:
            with open_stores(TicketSettings.from_environment()) as stores:
                return rebuild_graph(
                    stores, bucket, force=force, progress=lambda what, done, of: tell(f"{what}: {done} of {of}")
                )
        except TransientError as error:
            # Trying again would begin by emptying what is in already.
            said = f"{error}. The graph is not complete: materialize purchase_graph to bring in what it lacks."
            raise dg.Failure(said, allow_retries=False) from error


_SCHEMA = schema_of(TICKETS.columns)


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
    metadata={"dagster/column_schema": _SCHEMA, "rules": rules_table(TICKETS)},
)
def landed(context: dg.AssetExecutionContext, stores: TicketStoresResource) -> dg.MaterializeResult[None]:
    """The files that arrived on the days of this run, worked through again."""
    with stores.open() as opened:
        return redo_days(context, TICKET_FLOW, TICKET_FLOW.landed, opened)


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
        **lineage_of(TICKETS.columns, LANDED_KEY),
    },
)
def tickets(context: dg.AssetExecutionContext, stores: TicketStoresResource) -> dg.MaterializeResult[None]:
    """The purchases of the days of this run, worked through again from the files that brought them."""
    with stores.open() as opened:
        return redo_days(context, TICKET_FLOW, TICKET_FLOW.name, opened)
