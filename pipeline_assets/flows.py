"""The registry: one row per flow, from which everything that goes over all flows is derived.

A row names what is loaded by its address, ``package.module:NAME``, and loads nothing by itself: whoever goes over the
rows pays for no frame library and no driver.
"""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class FunctionPackage:
    """The package of the function behind a queue: its name, its handler's module and the AWS services it uses."""

    name: str
    handler: str
    services: frozenset[str]


@dataclass(frozen=True, slots=True)
class FlowRow:
    """One flow.

    `anchor` is the asset, slashes in its key, that shows in Dagster what is said of the flow as a whole. `queue` and
    `bucket` are logical names among the outputs of a deployment, empty for a flow that no queue feeds; its dead letters
    are in the queue of the same name with ``-dlq``. `resources` begins the logical ids of its queue, policies and
    alarms in the template. `flow`, `settings` and `opener` are addresses: of the flow, of the class of its settings and
    of the function that opens its stores.
    """

    name: str
    anchor: str
    queue: str = ""
    bucket: str = ""
    resources: str = ""
    flow: str = ""
    settings: str = ""
    opener: str = ""
    package: FunctionPackage | None = None

    def load(self, address: str) -> Any:  # noqa: ANN401 - whatever lies at the address
        """What lies at one of the row's addresses."""
        return pkgutil.resolve_name(address)


FLOWS: Final = (
    FlowRow(
        name="tickets",
        anchor="tickets/landed",
        queue="tickets",
        bucket="tickets",
        resources="Tickets",
        flow="pipeline_assets.tickets.ingest:TICKET_FLOW",
        settings="pipeline_assets.settings:TicketSettings",
        opener="pipeline_assets.tickets.stores:open_stores",
        package=FunctionPackage(
            "tickets-ingestion", "lambdas.ingestion.lambda_function", frozenset({"dynamodb", "s3", "sqs"})
        ),
    ),
    FlowRow(
        name="stocks",
        anchor="stocks/landed",
        queue="stocks",
        bucket="stocks",
        resources="Stock",
        flow="pipeline_assets.stocks.ingest:STOCK_FLOW",
        settings="pipeline_assets.settings:StockSettings",
        opener="pipeline_assets.stocks.stores:open_stores",
        package=FunctionPackage(
            "consumer-lambda", "lambdas.consumer.sqs_to_dynamo", frozenset({"dynamodb", "s3", "sqs"})
        ),
    ),
    FlowRow(
        name="inbox",
        anchor="inbox/landed",
        queue="inbox",
        bucket="inbox",
        resources="Inbox",
        flow="pipeline_assets.raw.inbox:INBOX_FLOW",
        settings="pipeline_assets.settings:InboxSettings",
        opener="pipeline_assets.raw.stores:open_inbox_stores",
        package=FunctionPackage(
            "inbox-to-raw", "lambdas.inbox_to_raw.lambda_function", frozenset({"dynamodb", "s3", "sqs"})
        ),
    ),
    FlowRow(
        name="ecommerce",
        anchor="raw/orders",
        queue="raw",
        bucket="raw",
        resources="Raw",
        flow="pipeline_assets.curation.ingest:CURATION_FLOW",
        settings="pipeline_assets.settings:CurationSettings",
        opener="pipeline_assets.curation.stores:open_stores",
        package=FunctionPackage(
            "raw-to-curated", "lambdas.raw_to_curated.lambda_function", frozenset({"dynamodb", "glue", "s3", "sqs"})
        ),
    ),
    # Loads that became complete: no queue of their own, their receipts come from curation.
    FlowRow(name="loads", anchor="lake/loads"),
)
