"""Lambda behind the ticket queue: S3 notifications in SQS messages to the purchase graph."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from pipeline_assets.events.outcomes import IngestError
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.settings import Settings
from pipeline_assets.tickets.messages import Message, work_message
from pipeline_assets.tickets.stores import TicketStores, open_stores

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from pipeline_assets.events.receipt import Receipt

logger = Logger()
metrics = Metrics()
#: Holds what is open: a frozen process has no end at which to close it.
_open = ExitStack()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@cache
def _opened() -> tuple[TicketStores, EventQueue]:
    """The stores and the queue, opened at the first event and kept while the process lives."""
    settings = Settings.from_environment()
    return _open.enter_context(open_stores(settings)), EventQueue(boto3.client("sqs"), settings.tickets_queue_url)


def _work(record: SQSRecord, lambda_context: LambdaContext) -> None:
    receive_count = int(record.attributes.approximate_receive_count)
    message = Message(record.message_id, record.body, record.receipt_handle, receive_count)
    try:
        stores, queue = _opened()
        for receipt in work_message(
            message, stores, queue, lambda: lambda_context.get_remaining_time_in_millis() / 1000
        ):
            _tell(receipt)
    except Exception as error:
        attributes = error.attributes() if isinstance(error, IngestError) else {}
        known = isinstance(error, IngestError)
        logger.warning(
            "to be delivered again", exc_info=not known, extra={"receive_count": receive_count, **attributes}
        )
        metrics.add_metric(name="MessagesRetried", unit=MetricUnit.Count, value=1)
        raise


def _tell(receipt: Receipt) -> None:
    counts = receipt.counts.as_dict()
    logger.info("object ingested", extra={"object_uri": receipt.source.uri, "refused": receipt.refused, **counts})
    for outcome, rows in counts.items():
        metrics.add_metric(name=f"Rows{outcome.title()}", unit=MetricUnit.Count, value=rows)


@logger.inject_lambda_context
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Work through a batch of messages and name those that have to be delivered again."""
    _, queue = _opened()
    handles = [record["receiptHandle"] for record in event["Records"]]
    queue.claim(handles, context.get_remaining_time_in_millis() / 1000)
    return process_partial_response(event=event, record_handler=_work, processor=processor, context=context)
