"""SQS queue of a function: claims, back-off of failed messages, continuations, dead letters and announcements."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.errors import TransientError
from pipeline_assets.events.s3_events import notification
from pipeline_assets.events.sources import ObjectVersion

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

_SHORTEST_BACK_OFF = 5
_LONGEST_BACK_OFF = 60
#: From the end of an invocation's time until its messages come again, should it not have said anything.
_GRACE_SECONDS = 5
#: The most entries that SQS takes in one request.
_BATCH = 10
#: The message attribute that counts continuations of one event. Whatever sends the event anew begins anew.
CONTINUATION = "continuation"
#: The message attribute that says why an event was dead-lettered before its receives were used up.
DEAD_LETTER_REASON = "dead_letter_reason"


def back_off_seconds(receive_count: int) -> int:
    """Exponential back-off after a failed delivery: 5 s, doubled each time, at most a minute.

    So after an outage, however long, every message is delivered again within a minute of its end.

    Parameters
    ----------
    receive_count
        Which delivery of the message failed, from 1.

    Returns
    -------
    int
        Seconds until the message is delivered again, 5 to 60.
    """
    doublings = max(0, min(receive_count - 1, 10))
    return min(_LONGEST_BACK_OFF, _SHORTEST_BACK_OFF << doublings)


class EventQueue:
    """An SQS queue of events."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def claim(self, receipt_handles: Sequence[str], seconds_left: float) -> None:
        """Claim messages for this invocation: set their visibility timeout to its remaining time and a little more.

        If the invocation is killed, its messages are delivered again soon, and not only after the visibility timeout of
        the queue, which is six times as long. A queue that does not answer is ignored: its timeout holds then.

        Parameters
        ----------
        receipt_handles
            Those of the messages.
        seconds_left
            Time that the invocation has left, in seconds.
        """
        hidden = math.ceil(seconds_left) + _GRACE_SECONDS
        handles = iter(receipt_handles)
        while batch := list(islice(handles, _BATCH)):
            with suppress(BotoCoreError, ClientError):
                self._client.change_message_visibility_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": hidden}
                        for number, handle in enumerate(batch)
                    ],
                )

    def back_off(self, receipt_handle: str, receive_count: int) -> None:
        """Set the visibility timeout of a failed message to its back-off."""
        self._client.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=back_off_seconds(receive_count)
        )

    def send(self, body: str) -> None:
        """Redeliver a message that was in the queue before, as a new one."""
        self._client.send_message(QueueUrl=self._url, MessageBody=body)

    def go_on_with(self, body: str, continuation: int) -> None:
        """Send an event's n-th continuation, a new message with the same body: it does not use up the receive limit."""
        number: MessageAttributeValueTypeDef = {"DataType": "Number", "StringValue": str(continuation)}
        self._client.send_message(QueueUrl=self._url, MessageBody=body, MessageAttributes={CONTINUATION: number})

    def dead_letter(self, body: str, why: str) -> None:
        """Dead-letter an event at once, without using up its receives.

        It is sent without a count of continuations, so a redrive counts anew.

        Parameters
        ----------
        body
            Body of the event's message.
        why
            Sentence for people, kept as the attribute `DEAD_LETTER_REASON`.

        Raises
        ------
        TransientError
            The queue of dead letters does not take it.
        """
        reason: MessageAttributeValueTypeDef = {"DataType": "String", "StringValue": why}
        try:
            self._client.send_message(
                QueueUrl=self._dead_letters(), MessageBody=body, MessageAttributes={DEAD_LETTER_REASON: reason}
            )
        except (BotoCoreError, ClientError, KeyError, ValueError) as error:
            raise TransientError(f"{why}; the dead letters did not take it: {error!r}") from error

    def _dead_letters(self) -> str:
        """The address of the queue's dead letters, which SQS wants in the queue's own region and account."""
        asked = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=["RedrivePolicy"])
        _, _, name = json.loads(asked["Attributes"]["RedrivePolicy"])["deadLetterTargetArn"].rpartition(":")
        return f"{self._url.rpartition('/')[0]}/{name}"

    def announce(self, versions: Iterable[ObjectVersion]) -> None:
        """Announce object versions as S3 does, each in a message of its own.

        Parameters
        ----------
        versions
            The object versions.

        Raises
        ------
        TransientError
            The queue does not take one; those before it are sent.
        """
        left = iter(versions)
        while batch := list(islice(left, _BATCH)):
            try:
                answer = self._client.send_message_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {"Id": str(number), "MessageBody": notification(version)}
                        for number, version in enumerate(batch)
                    ],
                )
            except (BotoCoreError, ClientError) as error:
                raise TransientError(f"the queue did not take an announcement: {error}") from error
            if failed := answer.get("Failed"):
                raise TransientError(f"the queue did not take {len(failed)} announcements: {failed[0].get('Message')}")
