"""What a stream could not deliver: read again while the stream keeps it, else found in its table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pipeline_assets.errors import TransientError
from pipeline_assets.events.stream_letters import GoneRangeError, LostRange, records_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient

    from pipeline_assets.events.stream_flow import StreamFlow

#: Records of one delivery.
_BATCH = 100


def redeliver(
    lost: LostRange,
    flow: StreamFlow[Any],
    stores: Any,  # noqa: ANN401 - those of the flow
    streams: DynamoDBStreamsClient,
    recover: Callable[[Any], object],
) -> None:
    """Bring a range of a stream in; what has a receipt is not brought in again.

    Parameters
    ----------
    lost
        The range.
    flow, stores
        The flow that reads the stream, and its stores.
    streams
        Client of the streams.
    recover
        Finds in the table what the stream no longer has.

    Raises
    ------
    TransientError
        A store does not answer: the range stays lost.
    """
    held: list[dict[str, Any]] = []
    gone = False
    try:
        for record in records_of(lost, streams):
            held.append(record)
            if len(held) == _BATCH:
                _deliver(held, flow, stores)
                held = []
    except GoneRangeError:
        gone = True
    if held:
        _deliver(held, flow, stores)
    if gone:
        # Behind what the stream still had: the table would tell those changes a second time.
        recover(stores)


def _deliver(records: list[dict[str, Any]], flow: StreamFlow[Any], stores: Any) -> None:  # noqa: ANN401 - as above
    done = flow.ingest({"Records": records}, stores)
    if done.failure:
        raise TransientError(f"record {done.failed} was not brought in: {done.failure}") from done.failure
