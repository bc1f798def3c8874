"""The dead letters of a queue: events that were delivered in vain so often that the queue has given them up.

They go back one by one, sent before they are deleted: a crash in between doubles an event, which changes nothing, and
never loses one. SQS has a task of its own for this (StartMessageMoveTask); it tells neither what it moves nor when it
is through, and the local cloud does not have it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from pipeline_assets.errors import TerminalError
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.queue import DEAD_LETTER_REASON

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeFilterType
    from mypy_boto3_sqs.type_defs import ChangeMessageVisibilityBatchRequestEntryTypeDef, MessageTypeDef

_BATCH = 10
#: Seconds; so long does nobody else see what is looked at or moved. A process that dies leaves it hidden for as long.
_HIDDEN = 60
_IN_QUEUE: Sequence[QueueAttributeFilterType] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Dead letter: its message, how often it was received in all, and when it was sent (UTC).

    `why` is empty for what SQS moved there itself, after so many receives.
    """

    id: str
    body: str
    receipt_handle: str
    receives: int
    sent_at: str
    why: str = ""


class DeadLetters:
    """The dead letters of the queue at `url`; `dead_url` is where they lie, found by the queue's own redrive policy.

    Those of a stream have no queue to go back to: their `dead_url` is given.
    """

    def __init__(self, client: SQSClient, url: str, dead_url: str = "") -> None:
        self._client = client
        self.url = url
        self.dead_url = dead_url or _dead_letter_queue(client, url)

    def waiting(self) -> int:
        """About how many events are in the queue itself, those in a function's hands included."""
        return self._count(self.url)

    def count(self) -> int:
        """About how many dead letters there are."""
        return self._count(self.dead_url)

    def look(self, *, limit: int) -> list[DeadLetter]:
        """At most `limit` dead letters; they stay, and SQS counts one more receive of each."""
        seen: dict[str, DeadLetter] = {}
        while len(seen) < limit:
            found = self._receive(min(_BATCH, limit - len(seen)))
            fresh = [letter for letter in found if letter.id not in seen]
            seen |= {letter.id: letter for letter in found}
            if not fresh:
                break
        self._show_again(list(seen.values()))
        return sorted(seen.values(), key=lambda letter: (letter.sent_at, letter.id))

    def redrive(self) -> Iterator[DeadLetter]:
        """Move the dead letters back into the queue and yield each one that has moved, until none is left."""
        while letters := self._receive(_BATCH):
            for letter in letters:
                self._client.send_message(QueueUrl=self.url, MessageBody=letter.body)
                self._client.delete_message(QueueUrl=self.dead_url, ReceiptHandle=letter.receipt_handle)
                yield letter

    def work_off(self, work: Callable[[DeadLetter], bool]) -> Iterator[DeadLetter]:
        """Work off the dead letters one by one, delete and yield each once it is done; what `work` raises ends it.

        Parameters
        ----------
        work
            Says whether a letter is done; one that is not stays where it is.

        Yields
        ------
        DeadLetter
            One that is done, after it was deleted.
        """
        kept: dict[str, DeadLetter] = {}
        try:
            while letters := self._receive(_BATCH):
                # What is kept comes again when it has been hidden for long enough; alone, it is all that is left.
                fresh = [letter for letter in letters if letter.id not in kept]
                kept |= {letter.id: letter for letter in letters if letter.id in kept}
                if not fresh:
                    break
                for letter in fresh:
                    if not work(letter):
                        kept[letter.id] = letter
                        continue
                    self._client.delete_message(QueueUrl=self.dead_url, ReceiptHandle=letter.receipt_handle)
                    yield letter
        finally:
            self._show_again(list(kept.values()))

    def _show_again(self, letters: Sequence[DeadLetter]) -> None:
        """Let others see them at once; one whose handle is too old is visible by itself."""
        for first in range(0, len(letters), _BATCH):
            entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
                {"Id": str(place), "ReceiptHandle": letter.receipt_handle, "VisibilityTimeout": 0}
                for place, letter in enumerate(letters[first : first + _BATCH])
            ]
            with suppress(ClientError):
                self._client.change_message_visibility_batch(QueueUrl=self.dead_url, Entries=entries)

    def _receive(self, most: int) -> list[DeadLetter]:
        # With a wait SQS asks all its servers: an empty answer then means that the queue is empty.
        answer = self._client.receive_message(
            QueueUrl=self.dead_url,
            MaxNumberOfMessages=most,
            VisibilityTimeout=_HIDDEN,
            WaitTimeSeconds=1,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
            MessageAttributeNames=[DEAD_LETTER_REASON],
        )
        return [
            DeadLetter(
                message["MessageId"],
                message["Body"],
                message["ReceiptHandle"],
                int(message["Attributes"]["ApproximateReceiveCount"]),
                iso_utc(datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)),
                _why(message),
            )
            for message in answer.get("Messages", [])
        ]

    def _count(self, url: str) -> int:
        attributes = self._client.get_queue_attributes(QueueUrl=url, AttributeNames=_IN_QUEUE)["Attributes"]
        return sum(int(number) for number in attributes.values())


def _why(message: MessageTypeDef) -> str:
    attributes = message.get("MessageAttributes", {})
    return attributes[DEAD_LETTER_REASON].get("StringValue", "") if DEAD_LETTER_REASON in attributes else ""


def _dead_letter_queue(client: SQSClient, url: str) -> str:
    attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"]).get("Attributes", {})
    policy = attributes.get("RedrivePolicy")
    if not policy:
        raise TerminalError(f"the queue {url} has no dead letters: it has no redrive policy")
    *_, account, name = json.loads(policy)["deadLetterTargetArn"].split(":")
    return client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
