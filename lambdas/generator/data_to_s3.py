"""Lambda behind the schedule: the market's files of one minute into the stock bucket."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from pipeline_assets.stocks.feed import FeedSettings, scheduled_minute, write_minute
from pipeline_assets.storage.bucket import Bucket
from pipeline_assets.storage.s3 import open_storage

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
metrics = Metrics()


@cache
def _opened() -> tuple[Bucket, FeedSettings]:
    """The bucket and the settings, made at the first event and kept while the process lives."""
    settings = FeedSettings.from_environment()
    return open_storage().bucket(settings.bucket), settings


@logger.inject_lambda_context
@metrics.log_metrics
def lambda_handler(event: object, context: LambdaContext) -> dict[str, str | int]:  # noqa: ARG001 - Lambda's signature
    """Write the files of the scheduled minute; any payload that is no scheduled event stands for this very minute."""
    bucket, settings = _opened()
    minute = scheduled_minute(event, datetime.now(UTC))
    written = write_minute(bucket, minute, files=settings.files, rows=settings.rows, seed=settings.seed)
    report: dict[str, str | int] = {
        "minute": minute.isoformat(),
        "files": written.put,
        "there": written.there,
        "rows": written.rows,
    }
    logger.info("minute written", extra=report)
    metrics.add_metric(name="FilesWritten", unit=MetricUnit.Count, value=written.put)
    return report
