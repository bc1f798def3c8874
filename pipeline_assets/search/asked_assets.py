"""What people search for as an asset: a file of each day for the inbox, from which the Retail Copilot learns."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import boto3
import dagster as dg

from pipeline_assets import __version__
from pipeline_assets.datasets.ecommerce import QUERY_LOG
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.lineage.addresses import TABLE_NAME, URI, bucket_uri, named
from pipeline_assets.lineage.columns import schema_of
from pipeline_assets.lineage.partitions import ONE_RUN, arrival_days
from pipeline_assets.lineage.resources import EnvironmentResource, required
from pipeline_assets.lineage.run_days import NOTHING, DayEvent, RunDays
from pipeline_assets.lineage.sentences import counted
from pipeline_assets.search.asked import deliver_asked
from pipeline_assets.search.ingest import COMPRAS_SEARCH, PRODUCTS_SEARCH
from pipeline_assets.search.query_log import KEPT_DAYS, AskedTable
from pipeline_assets.storage.bucket import Bucket
from pipeline_assets.storage.s3 import open_storage

ASKED_STORES: Final = "asked_queries_stores"

search_api = dg.AssetSpec(
    dg.AssetKey(["api", "search"]),
    deps=[dg.AssetKey.from_user_string(flow.indexed) for flow in (PRODUCTS_SEARCH, COMPRAS_SEARCH)],
    group_name="api",
    kinds={"aws", "lambda"},
    owners=[QUERY_LOG.owner],
    description="The function search-api, which answers GET /search/{tenant_id} of the HTTP API from the indexes of "
    "the tenant, and logs what was asked.",
)

asked_table = dg.AssetSpec(
    dg.AssetKey(["search", "asked_queries"]),
    deps=[search_api],
    group_name="search",
    kinds={"aws", "dynamodb", "table"},
    owners=[QUERY_LOG.owner],
    description="What people searched for, a line each, without numbers of persons and names of callers. Words that "
    "are still being typed and further pages of an answer are no questions. A line goes after 35 days.",
    metadata={TABLE_NAME: named("ASKED_QUERIES_TABLE", "asked-queries")},
)


@dataclass(frozen=True, slots=True)
class AskedStores:
    """The table of lines, the inbox, and the receipts of what was worked in."""

    table: AskedTable
    inbox: Bucket
    ledger: Ledger


class AskedStoresResource(EnvironmentResource):
    """The table of what was searched for, and the bucket that its days are put into."""

    asked_queries_table: str = required("The name of the DynamoDB table of what was searched for")
    inbox_bucket: str = required("The name of the bucket of foreign files")
    ledger_table: str = required("The name of the DynamoDB table of receipts")

    @contextmanager
    def open(self) -> Iterator[AskedStores]:
        """Open all of them."""
        dynamodb = boto3.client("dynamodb")
        yield AskedStores(
            AskedTable(dynamodb, self.asked_queries_table),
            open_storage().bucket(self.inbox_bucket),
            Ledger(dynamodb, self.ledger_table),
        )


@dg.asset(
    key=dg.AssetKey(["search", QUERY_LOG.name]),
    deps=[asked_table],
    partitions_def=arrival_days,
    dagster_type=NOTHING,
    backfill_policy=ONE_RUN,
    required_resource_keys={ASKED_STORES},
    group_name="search",
    kinds={"aws", "s3", "parquet"},
    owners=[QUERY_LOG.owner],
    code_version=__version__,
    tags={"layer": "derived"},
    description="What people searched for on a UTC day, put into the inbox as the dataset query_log. It goes "
    "on through raw and curated to the Retail Copilot. A day is delivered once, when it is over; materializing it "
    "again puts nothing.",
    metadata={"dagster/column_schema": schema_of(QUERY_LOG.columns), URI: bucket_uri("INBOX_BUCKET", "query_log/")},
)
def search_query_log(context: dg.AssetExecutionContext) -> Iterator[DayEvent]:
    """Put what was searched for on the days of the run into the inbox."""
    stores: AskedStoresResource = getattr(context.resources, ASKED_STORES)
    yield from RunDays(context).each(
        stores.open,
        lambda day, opened: [_delivered(context, day, opened)],
        lambda day, _: (datetime.now(UTC).date() - date.fromisoformat(day)).days < KEPT_DAYS,
        f"the log keeps {KEPT_DAYS} days and has no lines any more",
    )


def _delivered(context: dg.AssetExecutionContext, day: str, stores: AskedStores) -> dg.AssetMaterialization:
    done = deliver_asked(date.fromisoformat(day), stores.table, stores.inbox, stores.ledger, datetime.now(UTC))
    said = f"{counted(done.questions, 'question')}, {done.without_results} of them without results"
    said += "; delivered before" if done.delivered_before else ""
    context.log.info("%s of %s: %s", QUERY_LOG.name, day, said)
    figures: dict[str, dg.MetadataValue | int | float | str] = {
        "dagster/partition_row_count": done.questions,
        "without_results": done.without_results,
    }
    if done.questions:
        figures |= {
            "zero_result_rate": round(done.without_results / done.questions, 4),
            "p95_seconds": done.p95_seconds,
            "file": done.key,
        }
    return dg.AssetMaterialization(context.asset_key, partition=day, description=said, metadata=figures)


deliver_questions_job = dg.define_asset_job(
    "deliver_questions",
    selection=dg.AssetSelection.assets(search_query_log),
    description="What was searched for on a day, into the inbox.",
)


@dg.schedule(
    job=deliver_questions_job,
    cron_schedule="17 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Brings what was searched for on the day before into the lake.",
)
def questions_of_yesterday(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Ask for the day before."""
    day = (context.scheduled_execution_time.astimezone(UTC) - timedelta(days=1)).date().isoformat()
    return dg.RunRequest(run_key=day, partition_key=day)
