"""Places in a stream that could not be delivered: read again from the stream while it keeps them.

Lambda sends no records to an on-failure destination, but where in which shard they are.
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from pipeline_assets.errors import TerminalError, TransientError
from pipeline_assets.events.sources import padded_sequence_number

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient

#: What a stream answers for records that it no longer keeps, or that a table had which is gone.
_GONE = ("TrimmedDataAccessException", "ResourceNotFoundException")
#: A stream may answer with no records before it comes to those that it has; after so many such answers it is given up.
_EMPTY_ANSWERS = 100


class LostRange(Struct, frozen=True, rename="camel"):
    """Range of one shard that could not be delivered.

    Parameters
    ----------
    stream_arn, shard_id
        The stream and its shard.
    start_sequence_number, end_sequence_number
        The first record and the last.
    batch_size
        How many there are.
    """

    stream_arn: str
    shard_id: str
    start_sequence_number: str
    end_sequence_number: str
    batch_size: int = 0

    @property
    def sentence(self) -> str:
        """What it is, for people."""
        table = self.stream_arn.partition("/stream/")[0].rpartition("/")[2]
        return f"{self.batch_size} changes of {table} from {self.start_sequence_number} on"


class _Letter(Struct, frozen=True):
    batch: LostRange = msgspec.field(name="DDBStreamBatchInfo")


class GoneRangeError(TerminalError):
    """The stream no longer has the records of a range: what they told has to be found in the table."""


def lost_range(body: str) -> LostRange:
    """Read the message that Lambda sent; raises ValueError for anything else."""
    return msgspec.json.decode(body, type=_Letter).batch


def records_of(lost: LostRange, streams: DynamoDBStreamsClient) -> Iterator[dict[str, Any]]:
    """Read the records of a range from the stream, as Lambda would deliver them.

    Parameters
    ----------
    lost
        The range.
    streams
        The client.

    Yields
    ------
    dict
        A record each.

    Raises
    ------
    GoneRangeError
        The stream no longer keeps them, or not all of them.
    TransientError
        The stream does not answer, or does not come to the last of them.
    """
    last, empty = padded_sequence_number(lost.end_sequence_number), 0
    try:
        iterator: str | None = streams.get_shard_iterator(
            StreamArn=lost.stream_arn,
            ShardId=lost.shard_id,
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=lost.start_sequence_number,
        ).get("ShardIterator")
        while iterator and empty < _EMPTY_ANSWERS:
            answer = streams.get_records(ShardIterator=iterator)
            for record in answer["Records"]:
                number = padded_sequence_number(record["dynamodb"]["SequenceNumber"])
                if number <= last:
                    yield _as_delivered(record, lost.stream_arn)
                if number >= last:
                    return
            empty = 0 if answer["Records"] else empty + 1
            iterator = answer.get("NextShardIterator")
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response["Error"].get("Code") in _GONE:
            raise GoneRangeError(f"the stream no longer has {lost.sentence}: {error}") from error
        raise TransientError(f"the stream {lost.stream_arn} does not answer: {error}") from error
    if iterator:
        raise TransientError(f"the stream {lost.stream_arn} did not come to {lost.end_sequence_number}")
    raise GoneRangeError(f"the shard ends before {lost.end_sequence_number}: not all is there of {lost.sentence}")


def _as_delivered(record: Any, stream: str) -> dict[str, Any]:  # noqa: ANN401 - the client's own form
    return {**_plain(record), "eventSourceARN": stream}


def _plain(value: Any) -> Any:  # noqa: ANN401 - attributes nest
    """A value of the client in the JSON that Lambda delivers: times in seconds, bytes in base64."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (list, set, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return int(value.timestamp())
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
