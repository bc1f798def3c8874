"""The function behind a queue by hand: its handler is given an event, here, with the environment of this process."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from pipeline_assets.errors import UserError

#: What S3 sends when somebody lets it tell a queue of objects: whoever takes it has all that an event needs.
CHECK: Final = {
    "Records": [
        {
            "messageId": "by-hand",
            "receiptHandle": "by-hand",
            "body": json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}),
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "0"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:by-hand",
            "awsRegion": "us-east-1",
        }
    ]
}
#: The longest that Lambda lets an invocation take, in seconds from here.
_ENDS: Final = time.monotonic() + 900.0


class _Context(LambdaContext):
    """The context of an invocation that nobody made; it has the time of one."""

    def __init__(self, name: str) -> None:
        self._function_name = self._invoked_function_arn = name
        self._aws_request_id = "by-hand"
        self._memory_limit_in_mb = 0

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return int((_ENDS - time.monotonic()) * 1000)


def main(handler: Callable[[Any, LambdaContext], Any], name: str, arguments: Sequence[str]) -> int:
    """Give a handler the event in a file, or one that announces nothing, and print its answer.

    Parameters
    ----------
    handler, name
        Handler of the function, and its name.
    arguments
        At most the path of a file with an event of a queue as JSON.

    Returns
    -------
    int
        1 where a message has to come again, or the event or the environment cannot be read; else 0.
    """
    try:
        event = json.loads(Path(arguments[0]).read_text(encoding="utf-8")) if arguments else CHECK
        # Nobody gathers metrics of it.
        os.environ["POWERTOOLS_METRICS_DISABLED"] = "true"
        answer = handler(event, _Context(name))
    except UserError as error:
        print(error, file=sys.stderr)  # noqa: T201 - it talks to a person
        return 1
    except (OSError, ValueError) as error:
        print(f"{arguments[0] if arguments else 'the check'} cannot be worked in: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(json.dumps(answer))  # noqa: T201 - it talks to a person
    return int(bool(answer["batchItemFailures"]))
