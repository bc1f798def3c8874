"""How the state of the local cloud is written while it runs: soon, again after a failure, never after its end."""

import asyncio
import errno
import json
import logging
import os
import time
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.local import cloud_host
from deploy.local.cloud_host import StateWriter, UnpackedOnce, errors_raised, take_over
from deploy.local.processes import started_at


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud_host, "_PAUSE_SECONDS", 0.02)


def while_it_writes(writer: StateWriter, work: Callable[[], Awaitable[None]]) -> None:
    """Do some work while a writer writes."""

    async def main() -> None:
        writer.start()
        await work()
        await writer.stop()

    asyncio.run(main())


async def eventually(holds: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - another process makes it hold
            await asyncio.sleep(0.01)


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def add_line(file: Path, text: str) -> None:
    with file.open("a") as output:
        output.write(f"{text}\n")


def test_each_change_is_written_by_a_copy_once_all_is_at_rest(tmp_path: Path) -> None:
    written, at_rest = tmp_path / "written", False
    writer = StateWriter(lambda: add_line(written, str(os.getpid())), lambda: at_rest)

    async def work() -> None:
        nonlocal at_rest
        writer.changed = True
        await asyncio.sleep(0.2)
        assert lines(written) == []
        at_rest = True
        await eventually(lambda: len(lines(written)) == 1)
        await asyncio.sleep(0.2)
        assert len(lines(written)) == 1
        writer.changed = True
        await eventually(lambda: len(lines(written)) == 2)

    while_it_writes(writer, work)
    assert str(os.getpid()) not in lines(written)


def test_what_was_not_written_is_tried_again_at_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tried = tmp_path / "tried"

    def write() -> None:
        if not tried.exists():
            time.sleep(1)
            add_line(tried, str(time.monotonic()))
            raise OSError(errno.ENOSPC, "full")
        add_line(tried, str(time.monotonic()))

    writer = StateWriter(write, lambda: True, changed=True)
    while_it_writes(writer, lambda: eventually(lambda: len(lines(tried)) == 2))
    failed, succeeded = map(float, lines(tried))
    assert succeeded - failed < 4, "not nine times as long as the failure took"
    assert "the state was not written (exit code 1); it is tried again" in capfd.readouterr().err


def test_a_copy_that_cannot_be_made_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fork = os.fork
    refused: list[bool] = []

    def refusing() -> int:
        if not refused:
            refused.append(True)
            raise BlockingIOError(errno.EAGAIN, "too many processes")
        return fork()

    monkeypatch.setattr(os, "fork", refusing)
    writer = StateWriter((tmp_path / "written").touch, lambda: True, changed=True)
    while_it_writes(writer, lambda: eventually((tmp_path / "written").exists))
    assert refused


def test_the_end_kills_a_copy_that_is_stuck(tmp_path: Path) -> None:
    stuck = tmp_path / "stuck"

    def write() -> None:
        add_line(stuck, str(os.getpid()))
        time.sleep(30)

    began = time.monotonic()
    while_it_writes(StateWriter(write, lambda: True, changed=True), lambda: eventually(lambda: bool(lines(stuck))))
    assert time.monotonic() - began < 10
    assert started_at(int(lines(stuck)[0])) is None


def test_the_end_is_orderly_though_the_writer_broke() -> None:
    asked: list[bool] = []

    def at_rest() -> bool:
        asked.append(True)
        raise KeyError("stacks")

    while_it_writes(StateWriter(lambda: None, at_rest, changed=True), lambda: eventually(lambda: bool(asked)))


def test_an_error_that_is_only_logged_counts() -> None:
    logger = logging.getLogger("test-of-errors")
    with errors_raised(logger):
        logger.warning("slow")
    with pytest.raises(OSError, match="failed to save sqs: full"), errors_raised(logger):
        logger.error("failed to save %s: %s", "sqs", "full")
    assert not logger.handlers


def test_a_new_process_finds_no_message_in_hands_and_no_mapping_enabled(tmp_path: Path) -> None:
    def written(*visible_at: float) -> dict[str, Any]:
        messages = [{"body": '{"visible_at": 9}', "visible_at": at} for at in visible_at]
        return {"payload": {"queues": {"data": {"key": {"messages": messages}}}}}

    mapping = {"EventSourceArn": "arn:aws:sqs:us-east-1:0:tickets", "Enabled": True, "State": "Enabled"}
    (tmp_path / "sqs.json").write_text(json.dumps(written(50.0, 400.0)))
    (tmp_path / "lambda.json").write_text(json.dumps({"payload": {"esms": {"data": {"key": mapping}}}}))
    take_over(tmp_path, now=100.0)
    assert json.loads((tmp_path / "sqs.json").read_text()) == written(50.0, 100.0)
    disabled = mapping | {"Enabled": False, "State": "Disabled"}
    assert json.loads((tmp_path / "lambda.json").read_text()) == {"payload": {"esms": {"data": {"key": disabled}}}}
    assert {file.name for file in tmp_path.iterdir()} == {"sqs.json", "lambda.json"}


def test_a_package_is_unpacked_once_for_all_processes_and_another_one_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    monkeypatch.setenv("FUNCTIONS_DIR", str(kept))
    for number, content in enumerate(["a = 1", "a = 1", "a = 2"]):
        with zipfile.ZipFile(tmp_path / f"{number}.zip", "w") as package:
            package.writestr(zipfile.ZipInfo("shop/words.py"), content)
        (tmp_path / f"code-{number}").mkdir()
        with UnpackedOnce(str(tmp_path / f"{number}.zip")) as package:
            package.extractall(str(tmp_path / f"code-{number}"))
    found = [tmp_path / f"code-{number}" / "shop" / "words.py" for number in range(3)]
    assert [file.read_text() for file in found] == ["a = 1", "a = 1", "a = 2"]
    assert found[0].samefile(found[1])
    assert len(list(kept.iterdir())) == 2
