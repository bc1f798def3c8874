"""How children are kept running: ready, restarted, given up, stopped in order, and never left behind."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import processes
from deploy.local.board import Board, Condition, Part, Picture
from deploy.local.instance import PROJECT, Instance, LocalStackError
from deploy.local.supervisor import CRASHES_ALLOWED, Child, Supervisor, end_leftovers
from tests.worlds.waiting import eventually

#: Announces itself, starts a grandchild, and notes in a file when it is asked to end.
SERVER = """
import pathlib, signal, subprocess, sys, time
place, name = pathlib.Path(sys.argv[1]), sys.argv[2]
def end(*_):
    with (place / "order").open("a") as file: file.write(name + " ")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
(place / f"{name}.grandchild").write_text(str(grandchild.pid))
(place / name).touch()
time.sleep(600)
"""


def child(place: Path, name: str, *, tier: int = 0, program: str = SERVER, start_seconds: float = 10) -> Child:
    return Child(
        name=name,
        title=f"the {name}",
        command=(sys.executable, "-c", program, str(place), name),
        environment=processes.inherited_environment(),
        directory=place,
        log=place / f"{name}.log",
        tier=tier,
        is_ready=(place / name).exists,
        start_seconds=start_seconds,
        stop_seconds=5,
    )


@pytest.fixture
def board(tmp_path: Path) -> Board:
    instance = Instance.at(tmp_path / "state", 24_910)
    instance.prepare()
    return Board.of(instance, [Part("first", "the first"), Part("second", "the second")])


@pytest.fixture
def supervisor(board: Board, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    monkeypatch.setattr("deploy.local.supervisor._FIRST_BACK_OFF_SECONDS", 0.01)
    supervisor = Supervisor(board)
    yield supervisor
    supervisor.stop()


def pid_of(board: Board, name: str) -> int:
    pid = board.part(name).pid
    assert pid is not None
    return pid


def test_children_end_in_the_order_of_their_tiers_with_all_they_started(
    supervisor: Supervisor, board: Board, tmp_path: Path
) -> None:
    supervisor.start(child(tmp_path, "first", tier=0))
    supervisor.start(child(tmp_path, "second", tier=1))
    supervisor.wait_until_ready("first", "second")
    grandchildren = [int((tmp_path / f"{name}.grandchild").read_text()) for name in ("first", "second")]
    supervisor.stop()
    assert (tmp_path / "order").read_text().split() == ["second", "first"]
    assert {part.condition for part in board.picture.parts} == {Condition.STOPPED}
    assert eventually(lambda: all(processes.started_at(pid) is None for pid in grandchildren))


def test_ctrl_c_does_not_cut_the_order_short(supervisor: Supervisor, board: Board, tmp_path: Path) -> None:
    slow = SERVER.replace("sys.exit(0)", "time.sleep(1); sys.exit(0)")
    supervisor.start(child(tmp_path, "first", program=slow))
    supervisor.wait_until_ready("first")
    threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
    supervisor.stop()
    assert (tmp_path / "order").read_text().split() == ["first"]
    assert board.part("first").condition is Condition.STOPPED


def test_child_that_dies_is_started_again_and_set_up_again(
    supervisor: Supervisor, board: Board, tmp_path: Path
) -> None:
    set_up: list[str] = []
    supervisor.start(child(tmp_path, "first"), after_restart=lambda: set_up.append("again"))
    supervisor.wait_until_ready("first")
    before, grandchild = pid_of(board, "first"), int((tmp_path / "first.grandchild").read_text())
    os.kill(before, signal.SIGKILL)
    assert eventually(lambda: set_up == ["again"])
    assert pid_of(board, "first") != before
    assert processes.started_at(grandchild) is None
    first, second = board.picture.notes
    assert "the first was killed by signal 9 (SIGKILL)" in first
    assert f"(log: {tmp_path / 'first.log'}); it is started again in 0.01 s." in first
    assert second == "the first runs again."


def test_child_that_crashes_again_and_again_ends_the_instance_with_the_end_of_its_log(
    supervisor: Supervisor, board: Board, tmp_path: Path
) -> None:
    supervisor.start(child(tmp_path, "first", program="import sys; sys.exit('no such table')"))
    with pytest.raises(LocalStackError, match=r"ended with exit code 1 .* 5 times in a row.*no such table") as failure:
        supervisor.wait_until_ready("first")
    assert str(failure.value).count("\n") == 0
    assert board.part("first").restarts == CRASHES_ALLOWED - 1
    assert board.part("first").condition is Condition.FAILED


def test_child_that_never_gets_ready_is_given_up(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(child(tmp_path, "first", program="import time; time.sleep(60)", start_seconds=0.3))
    with pytest.raises(LocalStackError, match=r"the first was not ready within 0 s: see .*first\.log"):
        supervisor.wait_until_ready("first")


def test_failed_repair_after_a_restart_ends_the_instance(supervisor: Supervisor, board: Board, tmp_path: Path) -> None:
    def fail() -> None:
        raise LocalStackError("the bucket is gone")

    supervisor.start(child(tmp_path, "first"), after_restart=fail)
    supervisor.wait_until_ready("first")
    os.kill(pid_of(board, "first"), signal.SIGKILL)
    assert supervisor.failed.wait(10)
    assert supervisor.failure == "the first was started again but could not be set up: the bucket is gone"


def test_repair_in_which_the_child_dies_again_is_made_good_by_the_next(
    supervisor: Supervisor, board: Board, tmp_path: Path
) -> None:
    repairs: list[int] = []

    def repair() -> None:
        repairs.append(pid_of(board, "first"))
        if len(repairs) == 1:
            os.kill(repairs[0], signal.SIGKILL)
            raise LocalStackError("the connection was closed")

    supervisor.start(child(tmp_path, "first"), after_restart=repair)
    supervisor.wait_until_ready("first")
    os.kill(pid_of(board, "first"), signal.SIGKILL)
    assert eventually(lambda: len(set(repairs)) == 2)
    assert not supervisor.failed.is_set()


def test_arguments_and_log_show_no_secret(supervisor: Supervisor, board: Board, tmp_path: Path) -> None:
    supervisor.start(child(tmp_path, "first"))
    supervisor.wait_until_ready("first")
    if sys.platform == "linux":
        arguments = Path(f"/proc/{pid_of(board, 'first')}/cmdline").read_bytes().split(b"\0")
        assert arguments[0] == sys.executable.encode()
        assert not any(b"leash" in argument for argument in arguments)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_children_end_when_the_supervising_process_is_killed(tmp_path: Path) -> None:
    program = (
        "import time, pathlib, sys; from deploy.local import processes;"
        "place = pathlib.Path(sys.argv[1]);"
        "child = processes.start([sys.executable, '-c', sys.argv[2], sys.argv[1], 'first'],"
        " processes.inherited_environment(), place / 'log', place);"
        "(place / 'pid').write_text(str(child.pid)); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path), SERVER], cwd=PROJECT)
    try:
        assert eventually((tmp_path / "first").exists)
        assert eventually((tmp_path / "pid").exists)
        pid = int((tmp_path / "pid").read_text())
        parent.kill()
        parent.wait()
        assert eventually(lambda: processes.started_at(pid) is None)
        assert (tmp_path / "order").read_text().split() == ["first"], "it was asked, not killed"
    finally:
        parent.kill()
        parent.wait()
        # What it had started itself is left to whoever starts the instance next.
        for left in tmp_path.glob("first.grandchild"):
            os.kill(int(left.read_text()), signal.SIGKILL)


def test_what_a_killed_supervisor_left_is_found_and_ended(board: Board, tmp_path: Path) -> None:
    # What a process inherits of signals is that of the worker, which has run whatever tests came before.
    heard = "import signal, time; signal.pthread_sigmask(signal.SIG_SETMASK, []); signal.signal(15, signal.SIG_DFL); "
    sleeper = [sys.executable, "-c", f"{heard}print('here', flush=True); time.sleep(600)"]
    left = subprocess.Popen(sleeper, start_new_session=True, stdout=subprocess.PIPE)
    stranger = subprocess.Popen(sleeper, start_new_session=True, stdout=subprocess.DEVNULL)
    assert left.stdout
    assert left.stdout.readline() == b"here\n"
    board.update("first", pid=left.pid, started_at=processes.started_at(left.pid))
    board.update("second", pid=stranger.pid, started_at=-1.0)
    picture = Picture.read(Instance.at(tmp_path / "state"))
    try:
        assert end_leftovers(picture) == ["the first"]
        assert left.wait(5) == -signal.SIGTERM
        assert stranger.poll() is None
    finally:
        left.stdout.close()
        stranger.kill()
        stranger.wait()
