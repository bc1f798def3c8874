"""Runs the local cloud for programs only, and lets it survive a kill.

The local cloud checks no credentials and lets every origin read its answers, so any page open in a browser could read
the graph's password from it: what a web page sends is refused.

By itself it writes its state, S3 objects apart, when it ends in order. Here it is written soon after every change too,
by a forked copy of the process, so that no request waits for it. A cloud that goes on from such a state delivers no
event until its event source mappings are enabled again, once the template is deployed: a function that is replaced
while it starts dies with what it has in hands. Started with the engines' Python, which knows nothing of this project.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import logging
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import zipfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from logging.handlers import BufferingHandler
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_OWN_HOST = re.compile(rb"(127\.0\.0\.1|([a-z0-9.-]+\.)?localhost)(:\d+)?", re.IGNORECASE)
#: What a browser says of a request that a person made by typing the address.
_TYPED = b"none"
#: Operations of the JSON protocols, `<service>.<operation>`, that change nothing.
_READS = re.compile(rb"(Get|List|Describe|Query|Scan|BatchGet)")
#: From the end of one writing to the beginning of the next; longer where writing takes long, so that copies that do
#: their work never take more than a tenth of one core.
_PAUSE_SECONDS, _PAUSES_PER_WRITING = 0.5, 9
#: A copy that takes longer is stuck on a lock that another thread held when it was made.
_LONGEST_WRITING_SECONDS = 60


def for_programs_only(application: Application) -> Application:
    """The application, behind a check that answers 403 to a web page and to a foreign name for this machine."""

    async def guarded(scope: Message, receive: Receive, send: Send) -> None:
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


def refusing_what_it_cannot_read(validate: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    """The check of a token, answering 401 to one of any form, as on AWS; by itself it fails on some with a 500."""

    async def validated(*arguments: object) -> object:
        try:
            return await validate(*arguments)
        except (AttributeError, TypeError, ValueError):
            return None, None, (401, {"Content-Type": "application/json"}, b'{"message":"Unauthorized"}')

    return validated


def may_change(scope: Message) -> bool:
    """Whether a request may change what the cloud holds."""
    if scope["type"] != "http" or scope["method"] in {"GET", "HEAD"}:
        return False
    operation = dict(scope["headers"]).get(b"x-amz-target", b"").rpartition(b".")[2]
    return _READS.match(operation) is None


@dataclass(slots=True)
class StateWriter:
    """Writes the state of the cloud soon after each change.

    `write` writes all of it, each file at once or not at all, and raises where something was not written; `at_rest`
    says whether what there is now can be gone on with: a stack in the middle of its deployment cannot.
    """

    write: Callable[[], None]
    at_rest: Callable[[], bool]
    changed: bool = False
    _child: BaseProcess | None = None
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; to be called in the event loop."""
        self._task = asyncio.create_task(self._write_changes())

    async def stop(self) -> None:
        """End; after this no copy writes any more."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._child is not None and self._child.is_alive():
            self._child.kill()
            self._child.join()

    async def _write_changes(self) -> None:
        pause = _PAUSE_SECONDS
        while True:
            await asyncio.sleep(pause)
            if not (self.changed and self.at_rest()):
                continue
            self.changed, began = False, time.monotonic()
            failure = await self._write_in_child()
            if failure:
                self.changed, pause = True, _PAUSE_SECONDS
                with suppress(OSError):  # the disk may be full
                    sys.stderr.write(f"the state was not written ({failure}); it is tried again\n")
            else:
                pause = max(_PAUSE_SECONDS, _PAUSES_PER_WRITING * (time.monotonic() - began))

    async def _write_in_child(self) -> str:
        """Write everything; returns why it was not written, empty when it was.

        The copy is made between two steps of the event loop, hence never in the middle of a table's transaction.
        """
        self._child = get_context("fork").Process(target=write_in_child, args=(self.write,), daemon=True)
        try:
            self._child.start()
        except OSError as error:
            return str(error)
        while self._child.is_alive():  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.01)
        return f"exit code {self._child.exitcode}" if self._child.exitcode else ""


def write_in_child(write: Callable[[], None]) -> None:
    """What the copy does: it has this one thread and all of the memory as it was at that moment."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(_LONGEST_WRITING_SECONDS)
    os.closerange(3, 4096)  # the port above all
    gc.disable()  # it would touch, and so copy, every page
    logging.disable(logging.INFO)
    write()


@contextmanager
def errors_raised(logger: logging.Logger) -> Iterator[None]:
    """Raise `OSError` at the end of a block in which an error was logged: the local cloud's writer only tells."""
    errors = BufferingHandler(sys.maxsize)
    errors.setLevel(logging.ERROR)
    logger.addHandler(errors)
    try:
        yield
    finally:
        logger.removeHandler(errors)
    if errors.buffer:
        raise OSError(errors.buffer[0].getMessage())


def with_state_written(application: Application, writer: StateWriter) -> Application:
    """The application with its state kept; an orderly end that finds it not at rest leaves what was written last."""

    async def written(scope: Message, receive: Receive, send: Send) -> None:
        async def receive_watched() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await writer.stop()
                if not writer.at_rest():
                    os._exit(0)
            return message

        async def send_watched(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                writer.start()
            await send(message)

        if scope["type"] == "lifespan":
            await application(scope, receive_watched, send_watched)
            return
        await application(scope, receive, send)
        if may_change(scope):
            writer.changed = True

    return written


class UnpackedOnce(zipfile.ZipFile):
    """A function's package, unpacked once on this machine; every process of the function gets a link to that.

    The local cloud would unpack and compile it for each process. What the first one compiles, later ones find.
    """

    def extractall(
        self,
        path: str | os.PathLike[str] | None = None,
        members: Iterable[str | zipfile.ZipInfo] | None = None,
        pwd: bytes | None = None,
    ) -> None:
        """Put a link to what the package holds where the empty directory `path` is."""
        with Path(str(self.filename)).open("rb") as package:
            kept = Path(os.environ["FUNCTIONS_DIR"]) / hashlib.file_digest(package, "sha256").hexdigest()
        if not kept.exists():
            fresh = Path(tempfile.mkdtemp(dir=kept.parent))
            super().extractall(fresh, members, pwd)
            try:
                fresh.rename(kept)
            except OSError:  # another process was first
                shutil.rmtree(fresh)
        os.utime(kept)
        place = Path(path or ".")
        place.rmdir()
        place.symlink_to(kept)


def take_over(state: Path, now: float) -> None:
    """Make a written state that of a new process: no message is in anybody's hands, and no mapping delivers yet.

    `state` is the directory of the local cloud's files, one for each service; `now` are seconds since 1970.
    """

    def taken_over(document: dict[str, Any]) -> dict[str, Any]:
        if "visible_at" in document:  # a message of a queue
            document["visible_at"] = min(document["visible_at"], now)
        if "EventSourceArn" in document:
            document |= {"Enabled": False, "State": "Disabled"}
        # Streams begin anew: no place in them that was reached before means anything.
        document.pop("dynamodb_stream_positions", None)
        return document

    for file in (state / "sqs.json", state / "lambda.json"):
        if file.exists():
            written = json.dumps(json.loads(file.read_text(), object_hook=taken_over))
            fresh = file.with_suffix(".fresh")
            fresh.write_text(written)
            fresh.replace(file)


def main() -> None:
    """Serve the local cloud as its own command does, with its application behind the check and its state kept."""
    import yaml  # noqa: PLC0415

    # The local cloud reads the template several times in each deployment; in C that takes a fifth of the time.
    yaml.SafeLoader = yaml.CSafeLoader  # type: ignore[assignment,misc]
    from hypercorn.asyncio import serve  # noqa: PLC0415 - the engines' environment alone has it
    from hypercorn.config import Config  # noqa: PLC0415
    from ministack import app as cloud  # noqa: PLC0415
    from ministack.core import lambda_runtime, persistence  # noqa: PLC0415
    from ministack.services import apigateway, cloudformation  # noqa: PLC0415

    def write() -> None:
        with errors_raised(persistence.logger):
            persistence.save_all(cloud._build_persistence_save_dict())  # noqa: SLF001 - of all accounts and regions

    def at_rest() -> bool:
        statuses = {stack.get("StackStatus", "") for stack in cloudformation._stacks._data.values()}  # noqa: SLF001
        return not any(s.endswith("_IN_PROGRESS") for s in statuses - {"REVIEW_IN_PROGRESS"})

    os.umask(0o077)
    apigateway._validate_jwt_authorizer = refusing_what_it_cannot_read(apigateway._validate_jwt_authorizer)  # noqa: SLF001
    lambda_runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": UnpackedOnce})
    take_over(Path(os.environ["STATE_DIR"]), time.time())
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    config = Config()
    config.bind = [f"{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"]
    config.keep_alive_timeout = 75
    application: Application = cloud.app
    if os.environ["STATE_WRITTEN"] == "soon":
        application = with_state_written(application, StateWriter(write, at_rest))
    asyncio.run(serve(for_programs_only(application), config))


if __name__ == "__main__":
    main()
