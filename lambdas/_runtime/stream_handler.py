"""Handler of the functions behind the stream of a table: works a batch of records in, up to the first that fails."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from pipeline_assets.errors import IngestError
from pipeline_assets.events.environment import optional
from pipeline_assets.events.flow import SettingsT
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.stream_flow import Delivery, StoresT, StreamFlow

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

#: Where the event source knows no partial responses, all of the batch is delivered again; what has a receipt is known.
_WHOLE = "WHOLE"

logger = Logger()
metrics = Metrics()


def stream_handler(
    flow: StreamFlow[StoresT],
    settings: type[SettingsT],
    open_stores: Callable[[SettingsT], AbstractContextManager[StoresT]],
) -> Callable[[Any, LambdaContext], PartialItemFailureResponse]:
    """Lambda handler of a flow behind the stream of a table.

    powertools' batch processor goes on behind a record that failed; here the order of an item's changes matters, so
    the work stops there, and Lambda delivers from that record on again.

    Parameters
    ----------
    flow
        The flow that works the records in.
    settings
        Class of its settings, read from the environment at the first event.
    open_stores
        Opens its stores, which stay open while the process lives.

    Returns
    -------
    Callable[[Any, LambdaContext], PartialItemFailureResponse]
        Works through a batch of records and names the first that has to be delivered again.
    """
    held = ExitStack()

    @cache
    def opened() -> StoresT:
        return held.enter_context(open_stores(settings.from_environment()))

    @logger.inject_lambda_context
    @metrics.log_metrics
    def lambda_handler(event: Any, context: LambdaContext) -> PartialItemFailureResponse:  # noqa: ANN401 - anything
        """Work through a batch of records and name the first that has to be delivered again."""
        done = flow.ingest(event, opened(), seconds_left=lambda: context.get_remaining_time_in_millis() / 1000)
        for receipt in done.receipts:
            _tell_receipt(receipt)
        _tell_delivery(done, flow.name)
        if done.failure and optional(None, "STREAM_RESPONSES") == _WHOLE:
            raise done.failure
        return {"batchItemFailures": [{"itemIdentifier": done.failed}] if done.failed else []}

    return lambda_handler


def _tell_receipt(receipt: Receipt) -> None:
    counts = receipt.counts
    said = {"source": receipt.source.place, "seconds": receipt.seconds, "bytes": receipt.size, **receipt.effects}
    logger.info("batch ingested", extra={**said, **counts.as_dict()})
    metrics.add_metric(name="RecordsProcessed", unit=MetricUnit.Count, value=counts.accepted)
    metrics.add_metric(name="RecordsFailed", unit=MetricUnit.Count, value=counts.quarantined)
    metrics.add_metric(name="ProcessingTime", unit=MetricUnit.Milliseconds, value=receipt.seconds * 1000)
    metrics.add_metric(name="BytesWritten", unit=MetricUnit.Bytes, value=receipt.size)


def _tell_delivery(done: Delivery, flow: str) -> None:
    if done.redelivered:
        logger.info("records had a receipt before", extra={"flow": flow, "records": done.redelivered})
    if done.faults:
        logger.warning("what is no record was quarantined", extra={"flow": flow, "faults": done.faults})
        metrics.add_metric(name="RecordsFailed", unit=MetricUnit.Count, value=done.faults)
    if done.failure:
        known = done.failure.attributes() if isinstance(done.failure, IngestError) else {}
        logger.warning("to be delivered again", extra={**known, "flow": flow, "from": done.failed})
        metrics.add_metric(name="BatchesRetried", unit=MetricUnit.Count, value=1)
