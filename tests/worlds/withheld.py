"""S3 as it answers for an object that it does not give out: the local cloud has neither archives nor keys that end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.awsrequest import AWSResponse


class _Raw(BytesIO):
    def stream(self, amount: int = 1024, **_: Any) -> Iterator[bytes]:
        while part := self.read(amount):
            yield part


@contextmanager
def withheld(s3: Any, key: str, code: str, status: int = 403) -> Iterator[None]:
    """Let a client be answered with an error for the content of one object."""
    body = f"<Error><Code>{code}</Code><Message>S3's own words</Message></Error>".encode()

    def answer(request: Any, **_: Any) -> AWSResponse | None:
        if not unquote(urlsplit(request.url).path).endswith(f"/{key}"):
            return None
        headers: Any = {"Content-Type": "application/xml"}
        return AWSResponse(request.url, status, headers, _Raw(body))

    s3.meta.events.register("before-send.s3.GetObject", answer)
    try:
        yield
    finally:
        s3.meta.events.unregister("before-send.s3.GetObject", answer)
