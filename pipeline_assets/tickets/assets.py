"""The ticket flow as assets: what a Lambda did for one file, a person can do again for a day or a range of days."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from pipeline_assets.lineage.addresses import URI, server_uri
from pipeline_assets.lineage.landed import landed_and_accepted
from pipeline_assets.lineage.partitions import DAYS
from pipeline_assets.lineage.policies import EVERY_OPEN_DAY
from pipeline_assets.lineage.resources import EnvironmentResource, optional, required
from pipeline_assets.tickets.ingest import TICKET_FLOW
from pipeline_assets.tickets.rows import FIRST_DAY
from pipeline_assets.tickets.stores import TicketSettings, TicketStores, open_stores

SOLD_KEY = dg.AssetKey.from_user_string(TICKET_FLOW.name)


class TicketStoresResource(EnvironmentResource):
    """The stores of the ticket flow: purchase graph, ledger, quarantine and the bucket of ticket files."""

    neo4j_uri: str = required("The Bolt address of the purchase graph")
    neo4j_user: str = optional("The graph's user")
    neo4j_password: str = required("The graph's password")
    tickets_queue_url: str = required("The address of the queue of ticket files")
    quarantine_bucket: str = required("The name of the bucket for rejected rows")
    ledger_table: str = required("The name of the DynamoDB table of receipts")
    tickets_bucket: str = optional("The name of the bucket of ticket files, which a rebuild reads")
    tickets_day_begins: str = optional("When the day begins that a purchase belongs to, HH:MM after midnight UTC")

    @property
    def settings(self) -> TicketSettings:
        """What the fields say; raises `MissingSettingError`."""
        return TicketSettings.from_environment(self.variables())

    @contextmanager
    def open(self) -> Iterator[TicketStores]:
        """All stores; raises `MissingSettingError`, and `TransientError` where one does not answer."""
        with open_stores(self.settings) as stores:
            yield stores


landed, tickets, TICKET_CHECKS, TICKET_EXTERNAL = landed_and_accepted(
    TICKET_FLOW,
    stores="stores",
    target="graph",
    target_kind="neo4j",
    stored={URI: server_uri("NEO4J_URI")},
    description="The purchase tickets in the graph by the UTC day of the purchase; rows whose time could not be read, "
    "and days before the first one, are in tickets/landed only. Materializing a day works every file that has rows of "
    "it through again.",
    first_day=max(FIRST_DAY, DAYS.first),
    closed=DAYS.closed,
    tags=EVERY_OPEN_DAY,
)
