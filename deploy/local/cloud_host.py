"""Runs the local cloud for programs only: what a web page sends is refused.

The local cloud checks no credentials and lets every origin read its answers, so any page open in a browser could read
the graph's password from it. Started with the engines' Python, which knows nothing of this project.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]

_OWN_HOST = re.compile(rb"(127\.0\.0\.1|([a-z0-9.-]+\.)?localhost)(:\d+)?", re.IGNORECASE)
#: What a browser says of a request that a person made by typing the address.
_TYPED = b"none"


def for_programs_only(application: Application) -> Application:
    """The application, behind a check that answers 403 to a web page and to a foreign name for this machine."""

    async def guarded(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] == "lifespan" or is_from_a_program(dict(scope["headers"])):
            await application(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"The local cloud answers programs, not web pages.\n"})

    return guarded


def is_from_a_program(headers: MutableMapping[bytes, bytes]) -> bool:
    """Whether no web page is behind a request, nor a name that somebody let point to this machine."""
    if b"origin" in headers or headers.get(b"sec-fetch-site", _TYPED) != _TYPED:
        return False
    return _OWN_HOST.fullmatch(headers.get(b"host", b"localhost")) is not None


def main() -> None:
    """Start the local cloud as its own command does, with its application behind the check."""
    from ministack import app as cloud  # noqa: PLC0415 - the engines' environment alone has it

    cloud.app = for_programs_only(cloud.app)
    cloud.main()


if __name__ == "__main__":
    main()
