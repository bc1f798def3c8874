"""A local instance as people use it: up, healthy, closed to other machines, and started once."""

from __future__ import annotations

import gzip
import json
import os
import signal
from http import HTTPStatus
from pathlib import Path

import urllib3

from deploy.local.board import Condition
from deploy.local.dagster_processes import LOCATION
from deploy.local.dagster_web import ask_dagster
from deploy.local.instance import PORT_NAMES, Instance
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.flows import fed_flows
from pipeline_assets.operations.status import flow_status
from tests.worlds.commands import Command, processes_under
from tests.worlds.waiting import eventually

_SWITCH = {
    "stop": "mutation Stop($id: String) { stopSensor(id: $id) { __typename } }",
    "start": "mutation Start($at: SensorSelector!) { startSensor(sensorSelector: $at) { __typename } }",
}
_SENSOR = "query Of($at: SensorSelector!) { sensorOrError(sensorSelector: $at) { ... on Sensor { id } } }"


def switch(instance: Instance, sensor: str, way: str) -> None:
    """Switch a sensor on or off, as its page in Dagster does."""
    at = {"at": {"repositoryLocationName": LOCATION, "repositoryName": "__repository__", "sensorName": sensor}}
    found = ask_dagster(instance, _SENSOR, at)["sensorOrError"]
    ask_dagster(instance, _SWITCH[way], at if way == "start" else found)


def in_one_line(printed: str) -> str:
    """The second column of a table, or a text that was wrapped, without its line breaks."""
    cells = (line.split("│") for line in printed.splitlines())
    return " ".join(" ".join(cell[2] if len(cell) > 3 else cell[0] for cell in cells).split())


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
        flows = dict.fromkeys((row.name for row in fed_flows()), nothing)
        # At first the message with which each bucket tests its queue is pending.
        access = cesta.access()
        assert eventually(lambda: not any(flow_status(access, flow).pending for flow in flows))
        assert json.loads(cesta("status", "--json").stdout) == flows

    def test_the_doctor_tells_of_a_stopped_bridge_and_what_waits_for_it(self, cesta: Command, tmp_path: Path) -> None:
        (tmp_path / "waits.csv").write_text("ticket_id,product,basket_id,timestamp,category,quantity,store\n")
        access = cesta.access()
        ledger = Ledger(access.dynamodb, access.table("ledger"))
        switch(cesta.instance, "tickets_bridge", "stop")
        try:
            assert cesta("load", "tickets", str(tmp_path)).returncode == 0
            assert eventually(lambda: ledger.pending_count("tickets") == 1)
            outcome = cesta("doctor")
            assert "stopped; 1 receipt waits, the oldest since" in in_one_line(outcome.stdout)
            assert (outcome.returncode, "start it on" in outcome.stdout) == (1, True)
            assert "tickets: 1 receipt waits, the oldest since" in in_one_line(cesta("status").stdout)
        finally:
            switch(cesta.instance, "tickets_bridge", "start")
        assert eventually(lambda: ledger.pending_count("tickets") == 0, seconds=120)
        assert eventually(lambda: "tickets_bridge" not in cesta("doctor").stdout, seconds=120, every=2)

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

    def test_killed_search_is_started_again_with_its_documents(self, cesta: Command) -> None:
        before, document = cesta.pid("search"), f"{cesta.access().document['search']['url']}/killed/_doc/a"
        assert urllib3.request("PUT", document, json={"word": "kept"}).status == HTTPStatus.CREATED
        saved = cesta.instance.state / "search" / "elasticsearch.json"
        assert eventually(lambda: saved.exists() and "kept" in saved.read_text())
        os.kill(before, signal.SIGKILL)
        assert eventually(lambda: "search engine runs again." in cesta.picture().notes)
        assert cesta.pid("search") != before
        assert urllib3.request("GET", document).json()["_source"] == {"word": "kept"}
