"""Preview of an event: the documents that its records would become, printed and put nowhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pipeline_assets.compras.changes import judge
from pipeline_assets.compras.documents import Origin, document, document_key
from pipeline_assets.events.rejection import RejectedChange
from pipeline_assets.events.stream_records import stream_records

#: The example of the source document.
EXAMPLE: Final[dict[str, Any]] = {
    "Records": [
        {
            "eventID": "unique-event-id",
            "eventName": "INSERT",
            "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1752402645,
                "NewImage": {
                    "compra_id": {"S": "abc123"},
                    "user_id": {"S": "user_id"},
                    "tenant_id": {"S": "empresa_postman"},
                    "fecha": {"S": "2025-07-13 10:30:00"},
                    "productos": {
                        "L": [
                            {
                                "M": {
                                    "codigo": {"S": "PROD001"},
                                    "nombre": {"S": "Producto Test"},
                                    "precio_unitario": {"N": "99.99"},
                                    "cantidad": {"N": "2"},
                                }
                            }
                        ]
                    },
                },
            },
        }
    ]
}


def preview(event: object, origin: Origin) -> Iterator[tuple[str, str]]:
    """Judge the records of an event, of whatever table.

    Parameters
    ----------
    event
        The event.
    origin
        What the documents say of the deployment.

    Yields
    ------
    tuple of (str, str)
        Key and document of each record; an empty key, and the reason, of what is rejected.
    """
    records, faults = stream_records(event)
    for record in records:
        change = judge(record)
        if isinstance(change, RejectedChange):
            yield "", change.reason
        else:
            yield document_key(change), document(change, origin, datetime.now(UTC)).decode()
    for fault in faults:
        yield "", f"{fault.place}: {fault.reason}"


def main(arguments: Sequence[str]) -> int:
    """Print the documents of the event in a file, or of the example.

    Parameters
    ----------
    arguments
        At most the path of a file with an event as JSON.

    Returns
    -------
    int
        1 where a record is rejected or the file cannot be read, else 0.
    """
    try:
        event = json.loads(Path(arguments[0]).read_text()) if arguments else EXAMPLE
    except (OSError, ValueError) as error:
        print(f"{arguments[0]} is no event: {error}", file=sys.stderr)  # noqa: T201 - it talks to a person
        return 1
    rejected = 0
    for key, said in preview(event, Origin("dev", "us-east-1")):
        rejected += not key
        print(f"{key or 'rejected'}\n{said}")  # noqa: T201 - it talks to a person
    return int(rejected > 0)
