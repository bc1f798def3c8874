"""Lambda that answers named queries in SQL: a request to a page of rows, or to an error that says what is wrong."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from pipeline_assets.queries.function import answer_request, error_answer
from pipeline_assets.queries.open_engine import QuerySettings, SqlEngine, open_engine

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

#: Seconds of an invocation that are left for its answer when a query is stopped.
_FOR_THE_ANSWER = 3

logger = Logger()
metrics = Metrics()


@cache
def _opened() -> SqlEngine:
    """The engine, opened at the first request and kept while the process lives."""
    return open_engine(QuerySettings.from_environment())


@logger.inject_lambda_context
@metrics.log_metrics
def lambda_handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Answer a request; what nobody foresaw goes into the log, and the answer says no more than that."""
    seconds = context.get_remaining_time_in_millis() / 1000 - _FOR_THE_ANSWER
    try:
        answer = answer_request(event, _opened(), seconds)
    except Exception:
        logger.exception("a query failed as nobody foresaw")
        answer = error_answer("failed", "the query could not be answered; the log of the function says why.")
    error = answer.get("error", {}).get("code", "")
    logger.info("request answered", extra={"query": answer.get("query"), "error_code": error})
    metrics.add_metric(name="QueriesFailed" if error else "QueriesAnswered", unit=MetricUnit.Count, value=1)
    return answer
