"""Registry of the flows: one row per flow, from which everything that goes over all flows is derived.

The bridge's sensors, the commands of ``cesta``, an instance's environment, the functions' packages, the template's
repeated blocks and the tests' loops read the rows. A row names what it loads by an address, ``package.module:NAME``,
and loads nothing by itself: whoever goes over the rows pays for no frame library and no driver.
"""

from __future__ import annotations

from typing import Final

from pipeline_assets.errors import UserError
from pipeline_assets.flow_rows import Bounds, FlowRow, FunctionPackage, QueueGroup, StreamGroup


def _search_row(stream: str, kind: str, table: str, objects: str) -> FlowRow:
    """Row of the flow that brings what a table's stream tells into the indexes."""
    variable, title = stream.upper(), stream.title()
    return FlowRow(
        name=f"{stream}-search",
        anchor=f"search/{kind}_landed",
        stream=stream,
        resources=f"{title}Search",
        flow=f"pipeline_assets.search.ingest:{variable}_SEARCH",
        settings=f"pipeline_assets.search.stores:{title}SearchSettings",
        opener="pipeline_assets.search.stores:open_stores",
        recover=f"pipeline_assets.search.recover:recover_{kind}",
        package=FunctionPackage(
            f"{stream}-to-search",
            f"lambdas.{stream}_to_search.lambda_function",
            frozenset({"dynamodb", "s3", "secretsmanager"}),
        ),
        bounds=Bounds(function_seconds=300, batch=1_000),
        environment={
            f"{variable}_TABLE": f"tables.{stream}",
            f"{variable}_SEARCH_DEAD_LETTERS_URL": f"queues.{stream}-search-dlq",
        },
        group=StreamGroup(
            table=table,
            function_name=f"{stream}-to-search",
            log_group=f"cesta-${{Stage}}-{stream}-to-search",
            objects=objects,
            bucket_holds="",
            function_does=f"Brings changes of {kind} into the index of their tenant.",
            no_error="a change that breaks a rule or an absent engine",
            ask_if_retried="is the search engine up, and can the function reach it?",
            # What changes is to be found within a second.
            window_seconds=0,
        ),
    )


FLOWS: Final = (
    FlowRow(
        name="tickets",
        anchor="tickets/landed",
        queue="tickets",
        bucket="tickets",
        resources="Tickets",
        flow="pipeline_assets.tickets.ingest:TICKET_FLOW",
        settings="pipeline_assets.tickets.stores:TicketSettings",
        opener="pipeline_assets.tickets.stores:open_stores",
        package=FunctionPackage(
            "tickets-ingestion", "lambdas.ingestion.lambda_function", frozenset({"dynamodb", "s3", "sqs"})
        ),
        bounds=Bounds(function_seconds=60, batch=10),
        environment={
            "NEO4J_URI": "graph.uri",
            "NEO4J_USER": "graph.user",
            "NEO4J_PASSWORD": "graph.password",
            "TICKETS_QUEUE_URL": "queues.tickets",
            "TICKETS_BUCKET": "buckets.tickets",
            "TICKETS_DAY_BEGINS": "settings.tickets-day-begins",
        },
        group=QueueGroup(
            queue_name="tickets",
            bucket_name="tickets",
            function_name="tickets-ingestion",
            concurrency="TicketsConcurrency",
            objects="ticket files",
            bucket_holds="Put ticket files here.",
            function_does="Loads ticket files into the purchase graph.",
            no_error="a bad row or an absent graph",
            ask_if_retried="is the graph up, and can the function reach it?",
        ),
    ),
    FlowRow(
        name="stocks",
        anchor="stocks/landed",
        queue="stocks",
        bucket="stocks",
        prefix="stocks/",
        resources="Stock",
        flow="pipeline_assets.stocks.ingest:STOCK_FLOW",
        settings="pipeline_assets.stocks.stores:StockSettings",
        opener="pipeline_assets.stocks.stores:open_stores",
        package=FunctionPackage(
            "consumer-lambda", "lambdas.consumer.sqs_to_dynamo", frozenset({"dynamodb", "s3", "sqs"})
        ),
        bounds=Bounds(function_seconds=30, batch=10),
        # Makes the market's files of each minute.
        others=(FunctionPackage("generator-lambda", "lambdas.generator.data_to_s3", frozenset({"s3"})),),
        environment={
            "STOCKS_QUEUE_URL": "queues.stocks",
            "STOCKS_BUCKET": "buckets.stocks",
            "TABLE_NAME": "tables.stocks",
        },
        group=QueueGroup(
            queue_name="StockQueue",
            bucket_name="stocks",
            function_name="ConsumerLambda",
            concurrency="StocksConcurrency",
            objects="price files",
            bucket_holds="Put price files here, under stocks/.",
            function_does="Writes price files into the table.",
            no_error="a bad row or a throttled table",
            ask_if_retried="is the table throttled?",
            function_output="consumer",
        ),
    ),
    FlowRow(
        name="inbox",
        anchor="inbox/landed",
        queue="inbox",
        bucket="inbox",
        resources="Inbox",
        flow="pipeline_assets.raw.inbox:INBOX_FLOW",
        settings="pipeline_assets.raw.stores:InboxSettings",
        opener="pipeline_assets.raw.stores:open_inbox_stores",
        package=FunctionPackage(
            "inbox-to-raw", "lambdas.inbox_to_raw.lambda_function", frozenset({"dynamodb", "s3", "sqs"}), ("polars",)
        ),
        bounds=Bounds(function_seconds=300, batch=1),
        environment={
            "INBOX_QUEUE_URL": "queues.inbox",
            "INBOX_BUCKET": "buckets.inbox",
            "RAW_BUCKET": "buckets.raw",
            "CARD_TOKEN_KEY_ID": "token_key.key_id",
            "CARD_TOKEN_KEY": "token_key.key",
        },
        group=QueueGroup(
            queue_name="inbox",
            bucket_name="ecommerce-inbox",
            function_name="inbox-to-raw",
            concurrency="InboxConcurrency",
            objects="foreign files",
            bucket_holds="Put foreign Parquet files here, under the name of their dataset.",
            function_does="Replaces personal data of foreign files and hands them to raw.",
            no_error="a bad row or a refused object",
            ask_if_retried="can the function use the inbox's key?",
        ),
    ),
    FlowRow(
        name="ecommerce",
        anchor="raw/orders",
        queue="raw",
        bucket="raw",
        resources="Raw",
        flow="pipeline_assets.curation.ingest:CURATION_FLOW",
        settings="pipeline_assets.curation.stores:CurationSettings",
        opener="pipeline_assets.curation.stores:open_stores",
        quarantine="pipeline_assets.curation.stores:open_quarantine",
        package=FunctionPackage(
            "raw-to-curated",
            "lambdas.raw_to_curated.lambda_function",
            frozenset({"dynamodb", "glue", "s3", "sqs"}),
            ("polars",),
        ),
        bounds=Bounds(function_seconds=900, batch=1),
        environment={
            "RAW_QUEUE_URL": "queues.raw",
            "RAW_BUCKET": "buckets.raw",
            "CURATED_BUCKET": "buckets.curated",
            "LAKE_DATABASE": "databases.lake",
        },
        group=QueueGroup(
            queue_name="raw",
            bucket_name="ecommerce-raw",
            function_name="raw-to-curated",
            concurrency="CurationConcurrency",
            objects="raw objects",
            bucket_holds="E-commerce tables as exported, personal data replaced.",
            function_does="Makes curated days from raw objects.",
            no_error="a bad row or a refused object",
            ask_if_retried="does S3 or the ledger answer?",
            invocations=4,
        ),
    ),
    FlowRow(
        name="analytics",
        anchor="prod/started",
        queue="curated",
        bucket="curated",
        prefix="_loads/",
        resources="Curated",
        flow="pipeline_assets.analytics.ingest:ANALYTICS_FLOW",
        settings="pipeline_assets.analytics.stores:AnalyticsSettings",
        opener="pipeline_assets.analytics.stores:open_stores",
        package=FunctionPackage(
            "curated-to-prod",
            "lambdas.curated_to_prod.lambda_function",
            frozenset({"dynamodb", "glue", "s3", "sqs"}),
            ("duckdb", "numpy", "scipy", "sklearn"),
            declarations="pipeline_assets.analytics.*.prod_set",
        ),
        bounds=Bounds(function_seconds=900, batch=1, delay_seconds=20),
        # Answers named queries over the lake and the sets.
        others=(
            FunctionPackage(
                "query-sql",
                "lambdas.query_sql.lambda_function",
                frozenset({"athena", "glue", "s3"}),
                ("duckdb", "pyarrow"),
            ),
        ),
        environment={
            "CURATED_QUEUE_URL": "queues.curated",
            "CURATED_BUCKET": "buckets.curated",
            "LAKE_DATABASE": "databases.lake",
            "MARKET_INTELLIGENCE_HUB_BUCKET": "buckets.market-intelligence-hub",
            "DEMAND_INSIGHTS_ENGINE_BUCKET": "buckets.demand-insights-engine",
            "COMPLIANCE_GUARDIAN_BUCKET": "buckets.compliance-guardian",
            "GLOBAL_MARKET_PULSE_BUCKET": "buckets.global-market-pulse",
            "RETAIL_COPILOT_BUCKET": "buckets.retail-copilot",
            "MARKET_INTELLIGENCE_HUB_CRAWLER": "crawlers.market-intelligence-hub",
            "DEMAND_INSIGHTS_ENGINE_CRAWLER": "crawlers.demand-insights-engine",
            "COMPLIANCE_GUARDIAN_CRAWLER": "crawlers.compliance-guardian",
            "GLOBAL_MARKET_PULSE_CRAWLER": "crawlers.global-market-pulse",
            "RETAIL_COPILOT_CRAWLER": "crawlers.retail-copilot",
        },
        group=QueueGroup(
            queue_name="curated",
            bucket_name="ecommerce-curated",
            function_name="curated-to-prod",
            concurrency="AnalyticsConcurrency",
            objects="completion markers",
            bucket_holds="Days of e-commerce tables, one row per key, and the completion markers of loads.",
            function_does="Makes the prod sets of a complete load.",
            no_error="a set that cannot be made of what the lake has",
            ask_if_retried="does S3 or the ledger answer, and is the curated lake rewritten all the time?",
        ),
    ),
    FlowRow(
        name="compras",
        anchor="compras/landed",
        stream="compras",
        bucket="compras",
        prefix="compras/",
        resources="Compras",
        flow="pipeline_assets.compras.ingest:COMPRAS_FLOW",
        settings="pipeline_assets.compras.stores:ComprasSettings",
        opener="pipeline_assets.compras.stores:open_stores",
        recover="pipeline_assets.compras.recover:recover",
        package=FunctionPackage(
            "actualizar-compras-stream",
            "lambdas.actualizar_compras_stream.actualizar_compras_stream",
            frozenset({"dynamodb", "glue", "s3"}),
        ),
        bounds=Bounds(function_seconds=60, batch=100, waiting_seconds=900),
        # Reports on the purchases of a tenant in a period.
        others=(
            FunctionPackage(
                "generar-reporte-compras",
                "lambdas.generar_reporte_compras.generar_reporte_compras",
                frozenset({"s3"}),
            ),
        ),
        environment={
            "COMPRAS_TABLE": "tables.compras",
            "COMPRAS_BUCKET": "buckets.compras",
            "COMPRAS_DATABASE": "databases.compras",
            "COMPRAS_DEAD_LETTERS_URL": "queues.compras-dlq",
        },
        group=StreamGroup(
            table="ComprasTable",
            function_name="actualizarComprasStream",
            log_group="lambdas-streams-actualizador-compras-${Stage}-actualizarComprasStream",
            objects="changes of purchases",
            bucket_holds="One JSON document per change of a purchase, under compras/.",
            function_does="Writes a document for each change of a purchase.",
            no_error="a change that breaks a rule",
            ask_if_retried="do S3 and the ledger answer?",
        ),
    ),
    _search_row("products", "products", "ProductosTable", "changes of products"),
    _search_row("compras", "purchases", "ComprasTable", "changes of purchases for the search"),
    # Loads that became complete: no queue of their own, their receipts come from curation.
    FlowRow(name="loads", anchor="lake/loads"),
)

#: Packages of the functions behind the HTTP API, which are of no flow.
API_PACKAGES: Final = (
    FunctionPackage("search-api", "lambdas.search_api.lambda_function", frozenset({"dynamodb", "secretsmanager"})),
    FunctionPackage(
        "analytics-api",
        "lambdas.analytics_api.lambda_function",
        frozenset({"athena", "dynamodb", "glue", "lambda", "s3", "secretsmanager"}),
        ("duckdb", "pyarrow"),
    ),
)


def queued_flows() -> tuple[FlowRow, ...]:
    """Rows of the flows that a queue feeds."""
    return tuple(row for row in FLOWS if row.queue)


def fed_flows() -> tuple[FlowRow, ...]:
    """Rows of the flows that a queue or a stream feeds."""
    return tuple(row for row in FLOWS if row.fed)


def packages() -> tuple[FunctionPackage, ...]:
    """Packages of all functions: of the flows, and behind the HTTP API."""
    return (*(package for row in FLOWS for package in (row.package, *row.others) if package), *API_PACKAGES)


def flow_row(name: str) -> FlowRow:
    """Row of the flow with this name.

    Returns
    -------
    FlowRow
        The row.

    Raises
    ------
    UserError
        There is no such flow; the message names those that there are.
    """
    found = next((row for row in FLOWS if row.name == name), None)
    if found is None:
        raise UserError(f"there is no flow {name}", expected=" or ".join(row.name for row in FLOWS))
    return found
