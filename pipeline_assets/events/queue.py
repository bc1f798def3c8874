"""What a function may say to the queue that feeds it: try this message later, or go on with it in a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_SHORTEST_BACK_OFF = 5
_LONGEST_BACK_OFF = 300


def back_off_seconds(receive_count: int) -> int:
    """How long a message rests after its n-th failed delivery (from 1): 5 s, doubled each time, at most 5 min."""
    doublings = max(0, min(receive_count - 1, 10))
    return min(_LONGEST_BACK_OFF, _SHORTEST_BACK_OFF << doublings)


class EventQueue:
    """An SQS queue of events."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def back_off(self, receipt_handle: str, receive_count: int) -> None:
        """Let a failed message come back after its back-off instead of after the queue's visibility timeout."""
        self._client.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=back_off_seconds(receive_count)
        )

    def go_on_with(self, body: str) -> None:
        """Send the same event again as a new message, so that going on does not use up the receive limit."""
        self._client.send_message(QueueUrl=self._url, MessageBody=body)
