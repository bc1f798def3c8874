"""Handler of the functions behind a queue of S3 events: works through a batch of messages."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from pipeline_assets.errors import IngestError
from pipeline_assets.events.flow import Flow, OpenStores, SettingsT, StoresT
from pipeline_assets.events.messages import Continued, DeadLettered, LeftAlone, Message, work_message
from pipeline_assets.events.queue import CONTINUATION, EventQueue
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.privacy.cards import without_numbers

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

_OBJECTS_BETWEEN_ROUNDS = 20_000

logger = Logger()
metrics = Metrics()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def opened_once(
    settings: type[SettingsT], open_stores: OpenStores[SettingsT, StoresT]
) -> Callable[[], tuple[StoresT, EventQueue]]:
    """Opener of a flow's stores and queue: at the first call, then kept.

    They are never closed: a process that Lambda freezes has no end at which to do it.

    Parameters
    ----------
    settings
        Class of the flow's settings, read from the environment at the first call.
    open_stores
        Opens the stores.

    Returns
    -------
    Callable[[], tuple[StoresT, EventQueue]]
        Gives the same stores and queue at every call.
    """
    held = ExitStack()

    @cache
    def opened() -> tuple[StoresT, EventQueue]:
        read = settings.from_environment()
        return held.enter_context(open_stores(read)), EventQueue(boto3.client("sqs"), read.queue_url)

    return opened


def queue_handler(
    flow: Flow[StoresT], opened: Callable[[], tuple[StoresT, EventQueue]]
) -> Callable[[dict[str, Any], LambdaContext], PartialItemFailureResponse]:
    """Lambda handler of a flow behind an SQS queue.

    Parameters
    ----------
    flow
        The flow that ingests what the messages announce.
    opened
        Gives the stores and the queue, which stay open while the process lives.

    Returns
    -------
    Callable[[dict[str, Any], LambdaContext], PartialItemFailureResponse]
        Works through a batch of messages and names those that have to be delivered again.
    """

    def work(record: SQSRecord, lambda_context: LambdaContext) -> None:
        receive_count = int(record.attributes.approximate_receive_count)
        message = Message(record.message_id, record.body, record.receipt_handle, receive_count, _continuation(record))
        stores, queue = opened()
        try:
            for outcome in work_message(message, flow, stores, queue, lambda: _seconds_left(lambda_context)):
                _tell(outcome)
        except Exception as error:
            _tell_failure(error, flow.name, receive_count)
            raise

    @logger.inject_lambda_context
    @metrics.log_metrics
    def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
        """Work through a batch of messages and name those that have to be delivered again."""
        _, queue = opened()
        _keep_what_is_loaded_once()
        queue.claim([record["receiptHandle"] for record in event["Records"]], _seconds_left(context))
        return process_partial_response(event=event, record_handler=work, processor=processor, context=context)

    return lambda_handler


def keep_what_is_loaded() -> None:
    """Freeze the loaded modules for the garbage collector (`gc.freeze`) and raise its threshold for new objects.

    At the default threshold it runs after every 700 new objects, of which a batch makes some 100,000, and some of its
    runs traverse everything that is loaded.
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_ROUNDS)


_keep_what_is_loaded_once = cache(keep_what_is_loaded)


def _seconds_left(context: LambdaContext) -> float:
    return context.get_remaining_time_in_millis() / 1000


def _continuation(record: SQSRecord) -> int:
    """Which continuation a message is; 0 for what somebody else sent, whatever it says."""
    counted = record.raw_event.get("messageAttributes", {}).get(CONTINUATION, {})
    text = str(counted.get("stringValue"))
    return int(text) if text.isascii() and text.isdigit() else 0


def _tell(outcome: Receipt | LeftAlone | Continued | DeadLettered | None) -> None:
    match outcome:
        case LeftAlone(uri):
            logger.info("object left alone: its name is that of no data", extra={"object_uri": without_numbers(uri)})
            metrics.add_metric(name="ObjectsIgnored", unit=MetricUnit.Count, value=1)
        case Continued(number):
            logger.info("to be gone on with", extra={"continuation": number})
            metrics.add_metric(name="Continuations", unit=MetricUnit.Count, value=1)
        case DeadLettered(why):
            logger.error("dead-lettered", extra={"error": why})
        case Receipt():
            _tell_receipt(outcome)


def _tell_receipt(receipt: Receipt) -> None:
    counts = receipt.counts.as_dict()
    logger.info("object ingested", extra={"object_uri": receipt.source.uri, "refused": receipt.refused, **counts})
    for outcome, rows in counts.items():
        metrics.add_metric(name=f"Rows{outcome.title()}", unit=MetricUnit.Count, value=rows)


def _tell_failure(error: Exception, flow: str, receive_count: int) -> None:
    known = isinstance(error, IngestError)
    attributes = {**(error.attributes() if isinstance(error, IngestError) else {}), "flow": flow}
    logger.warning("to be delivered again", exc_info=not known, extra={"receive_count": receive_count, **attributes})
    metrics.add_metric(name="MessagesRetried", unit=MetricUnit.Count, value=1)
