"""A local instance as people use it: up, a second one beside it, a child that dies, down, and on again where it was."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.access import Access
from deploy.local.board import Condition, Picture, holder
from deploy.local.flows import flow_status
from deploy.local.instance import PORT_NAMES, PROJECT, Instance, port_is_free
from deploy.local.processes import started_at
from tests.flows.conftest import free_port_base, running_stack

MARK = "kept-over-a-restart"
#: What a person may have set for other work: a proxy at which nobody listens, a profile that is not there.
SURROUNDINGS = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "AWS_PROFILE": "of-the-person",
}
FILES = 25


class Command:
    """The `cesta` command, run as a person runs it, on one state directory."""

    def __init__(self, state: Path, port_base: int) -> None:
        self.instance = Instance.at(state, port_base)

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        where = ("--state", str(self.instance.state), "--port-base", str(self.instance.port_base))
        command = [sys.executable, "-m", "deploy.cli.main", *arguments, *where]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
            cwd=PROJECT,
            env=os.environ | SURROUNDINGS,
        )

    def picture(self) -> Picture:
        picture = Picture.read(self.instance)
        assert picture is not None
        return picture

    def pid(self, name: str) -> int:
        pid = next(part.pid for part in self.picture().parts if part.name == name)
        assert pid is not None
        return pid

    def access(self) -> Access:
        return Access(json.loads(self("outputs", "--json").stdout))


@pytest.fixture(scope="module")
def cesta(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """An instance started in the background, stopped at the end however its tests went."""
    command = Command(tmp_path_factory.mktemp("instance"), free_port_base())
    outcome = command("up", "--detach")
    assert outcome.returncode == 0, outcome.stderr
    yield command
    command("down")


def eventually(holds: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.1)
    return False


def processes_under(state: Path) -> set[str]:
    """Command lines of processes that name the state directory: children, and the functions' processes."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            text = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(state) in text:
            found.add(text)
    return found


class TestUp:
    def test_every_part_is_healthy_and_the_doctor_agrees(self, cesta: Command) -> None:
        picture = cesta.picture()
        assert picture.phase is Condition.HEALTHY
        assert {part.condition for part in picture.parts} == {Condition.HEALTHY}
        outcome = cesta("doctor")
        assert outcome.returncode == 0, outcome.stdout

    def test_status_has_one_object_per_flow(self, cesta: Command) -> None:
        rows = ("received", "accepted", "quarantined", "duplicate", "superseded")
        events = ("pending", "dead_lettered", "objects", "refused", "foreign_messages")
        nothing = dict.fromkeys((*rows, *events), 0)
        flows = dict.fromkeys(("tickets", "stocks", "inbox", "ecommerce"), nothing)
        # At first the message with which each bucket tests its queue is pending.
        assert eventually(lambda: json.loads(cesta("status", "--json").stdout) == flows)

    def test_files_are_loaded_through_the_command(self, cesta: Command, tmp_path: Path) -> None:
        (tmp_path / "readme.txt").touch()
        with gzip.open(tmp_path / "empty.csv.gz", "wt") as file:
            file.write("ticket_id,product,basket_id,timestamp,category,quantity,store\n")
        outcome = cesta("load", "tickets", str(tmp_path), "--wait")
        assert outcome.returncode == 0, outcome.stderr
        assert "1 file is in the bucket" in outcome.stdout
        assert "1 file is passed over: only .csv and .csv.gz are taken" in outcome.stdout

    def test_everything_listens_on_this_machine_only(self, cesta: Command) -> None:
        ports = {cesta.instance.port(name) for name in PORT_NAMES}
        listening: dict[int, set[str]] = {}
        for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
            for line in table.read_text().splitlines()[1:]:
                _, local, _, state, *_ = line.split()
                address, port = local.split(":")
                if state == "0A" and int(port, 16) in ports:
                    listening.setdefault(int(port, 16), set()).add(address)
        assert listening.keys() == ports
        loopback = {"0100007F", "0000000000000000FFFF00000100007F"}
        assert set().union(*listening.values()) <= loopback

    def test_no_argument_and_no_log_shows_the_password(self, cesta: Command) -> None:
        password = cesta.instance.graph_password()
        assert not any(password in line for line in processes_under(cesta.instance.state))
        assert not any(password in log.read_text(errors="replace") for log in cesta.instance.logs.iterdir())
        assert password not in cesta("outputs").stdout

    def test_second_up_on_the_state_is_one_sentence(self, cesta: Command) -> None:
        for arguments in (("up",), ("up", "--detach")):
            outcome = cesta(*arguments)
            assert outcome.returncode == 1
            assert outcome.stderr.startswith("cesta: an instance already runs on")
            assert "Traceback" not in outcome.stderr

    def test_taken_port_is_one_sentence(self, cesta: Command, tmp_path: Path) -> None:
        outcome = Command(tmp_path, cesta.instance.port_base)("up")
        assert outcome.returncode == 1
        port = cesta.instance.port("cloud")
        assert outcome.stderr.startswith(f"cesta: port {port} (cloud) is taken by another program")

    def test_killed_child_is_started_again(self, cesta: Command) -> None:
        before = cesta.pid("graph")
        os.kill(before, signal.SIGKILL)
        assert eventually(lambda: "purchase graph runs again." in cesta.picture().notes)
        assert cesta.pid("graph") != before
        with cesta.access().graph() as driver:
            driver.verify_connectivity()


class TestDownAndUp:
    def test_goes_on_where_it_was_beside_another_instance(self, cesta: Command, tmp_path: Path) -> None:
        leave_marks(cesta.access())
        deployed = stack_description(cesta.access())
        invoke_function(cesta.access())
        assert any("ministack-lambda" in line for line in processes_under(cesta.instance.state))
        put_ticket_files(cesta.access())

        with running_stack(tmp_path, dagster=False) as other:
            assert not other.access.s3.list_objects_v2(Bucket=other.access.bucket("tickets")).get("Contents")
            supervisor = holder(cesta.instance)
            assert cesta("down").returncode == 0
            assert supervisor is not None
            assert started_at(supervisor) is None
            assert processes_under(cesta.instance.state) == set()
            assert all(port_is_free(cesta.instance.port(name)) for name in PORT_NAMES)
            assert other.local.supervisor.failed.is_set() is False

        with running_stack(cesta.instance.state, dagster=False, port_base=cesta.instance.port_base) as again:
            assert find_marks(again.access) == {"object", "message", "item", "node"}
            assert stack_description(again.access) == deployed, "a deployment without a change does nothing"
            assert eventually(lambda: flow_status(again.access, "tickets").accepted == FILES), "work went on at once"
            assert flow_status(again.access, "tickets").queued == 0


def leave_marks(access: Access) -> None:
    """Put a mark into each store; the quarantine bucket and the dead-letter queue, which nobody listens to."""
    access.s3.put_object(Bucket=access.bucket("quarantine"), Key=MARK, Body=b"x")
    access.sqs.send_message(QueueUrl=access.queue("tickets-dlq"), MessageBody=MARK)
    access.dynamodb.put_item(TableName=access.table("ledger"), Item={"pk": {"S": MARK}, "sk": {"S": MARK}})
    with access.graph() as driver:
        driver.execute_query("MERGE (:Mark {name: $name})", name=MARK)


def put_ticket_files(access: Access) -> None:
    """Put more one-line ticket files than the function takes at once."""
    header = "ticket_id,product,basket_id,timestamp,category,quantity,store"
    for number in range(FILES):
        line = f"T-{number},BREAD #{number},B-{number},2026-01-05 10:00:00,BAKERY,1,S-1"
        body = f"{header}\n{line}\n".encode()
        access.s3.put_object(Bucket=access.bucket("tickets"), Key=f"tickets-{number}.csv", Body=body)


def find_marks(access: Access) -> set[str]:
    """The stores that still have their mark."""
    found = set()
    if access.s3.list_objects_v2(Bucket=access.bucket("quarantine"), Prefix=MARK)["KeyCount"]:
        found.add("object")
    messages = access.sqs.receive_message(QueueUrl=access.queue("tickets-dlq")).get("Messages", [])
    if any(message["Body"] == MARK for message in messages):
        found.add("message")
    key = {"pk": {"S": MARK}, "sk": {"S": MARK}}
    if "Item" in access.dynamodb.get_item(TableName=access.table("ledger"), Key=key):
        found.add("item")
    with access.graph() as driver:
        if driver.execute_query("MATCH (m:Mark {name: $name}) RETURN m", name=MARK).records:
            found.add("node")
    return found


def invoke_function(access: Access) -> None:
    """Call the function with what S3 sends when a notification is set up, so that it has a process."""
    message = {
        "messageId": "1",
        "receiptHandle": "1",
        "eventSource": "aws:sqs",
        "body": json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": access.bucket("tickets")}),
        "attributes": {"ApproximateReceiveCount": "1"},
    }
    name = access.document["functions"]["tickets-ingestion"]
    answer = access.client("lambda").invoke(FunctionName=name, Payload=json.dumps({"Records": [message]}).encode())
    assert "FunctionError" not in answer, answer["Payload"].read()


def stack_description(access: Access) -> list[Any]:
    """When each resource of the stack was last changed, and how the stack stands."""
    cloudformation = access.client("cloudformation")
    [stack] = cloudformation.describe_stacks()["Stacks"]
    resources = cloudformation.describe_stack_resources(StackName=stack["StackName"])["StackResources"]
    changed = sorted((r["LogicalResourceId"], str(r["Timestamp"]), r["ResourceStatus"]) for r in resources)
    return [stack["StackStatus"], *changed]
