"""Lambda that reports on the purchases of a tenant in a period, called by hand or behind HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from pipeline_assets.compras.report_answer import error_answer, report_answer
from pipeline_assets.errors import TransientError
from pipeline_assets.events.environment import required
from pipeline_assets.storage.bucket import Bucket
from pipeline_assets.storage.s3 import open_storage

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
metrics = Metrics()


@cache
def _documents() -> Bucket:
    """The bucket of documents, opened at the first event and kept while the process lives."""
    return open_storage().bucket(required(None, "COMPRAS_BUCKET", "the name of the bucket of purchase documents"))


@logger.inject_lambda_context
@metrics.log_metrics
def lambda_handler(event: object, context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Answer with the report that is asked for, or with an error and its kind; a caller never sees a traceback."""
    try:
        answer = report_answer(event, _documents(), datetime.now(UTC))
    except TransientError as error:
        logger.warning("the documents cannot be read", extra=error.attributes())
        message = "the documents cannot be read now: ask again later"
        answer = error_answer(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", message)
    except Exception:
        logger.exception("the report failed")
        answer = error_answer(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "the report could not be made")
    logger.info("report answered", extra={"status": answer["statusCode"], "bytes": len(answer["body"])})
    metrics.add_metric(name="ReportsMade", unit=MetricUnit.Count, value=int(answer["statusCode"] == HTTPStatus.OK))
    metrics.add_metric(
        name="ReportsFailed",
        unit=MetricUnit.Count,
        value=int(answer["statusCode"] >= HTTPStatus.INTERNAL_SERVER_ERROR),
    )
    return answer
