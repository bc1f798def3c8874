"""A flow that only a test knows: with its row in the registry it is everywhere, and nothing else is edited.

What is derived when a module is imported is looked at in a process of its own, begun with the row; so is every command.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

import pipeline_assets.flows as registry
from deploy.local.instance import PROJECT, Instance
from deploy.local.outputs import environment_contract
from lambdas._runtime import queue_handler
from pipeline_assets.analytics.tables import PROD_CATALOGS
from pipeline_assets.events.flow import Correctable, Preview, capability
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.events.s3_events import notification
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.open_flow import load_flow, open_flow
from pipeline_assets.operations.reconcile import announce_lost
from pipeline_assets.operations.replay import read_mended
from pipeline_assets.operations.status import flow_status
from tests.worlds.readings import NAME, READING_FLOW, ROW, ReadingSettings, open_stores
from tests.worlds.stores import ledger_table, make_bucket

HEADER = "sensor,value"
#: What is derived from the registry at import, as a new process has it.
DERIVED = """
import json
from tests.worlds import readings
readings.register()
from deploy.packaging import PACKAGES
from deploy.template_blocks.contents import BLOCKS
from pipeline_assets.definitions import defs
template = [block.text() for block in BLOCKS]
print(json.dumps({
    "packages": [package.name for package in PACKAGES],
    "sensors": sorted(sensor.name for sensor in defs.sensors),
    "checks": sorted(
        key.to_user_string() for each in defs.asset_checks for key in each.check_keys
        if key.asset_key.to_user_string() == readings.ROW.anchor
    ),
    "template": "".join(template),
}))
"""
CESTA = "from tests.worlds import readings; readings.register(); from deploy.cli.main import app; app()"


@dataclass
class Readings:
    """The flow on a cloud: a bucket, a queue with its dead letters, a ledger."""

    access: Access
    environment: dict[str, str]

    def put(self, key: str, *lines: str) -> ObjectVersion:
        body = "\n".join((HEADER, *lines)).encode()
        put = self.access.s3.put_object(Bucket=self.access.bucket(NAME), Key=key, Body=body)
        return ObjectVersion(
            self.access.bucket(NAME), key, put["VersionId"], put["ETag"], len(body), "2026-11-20T09:30:00.000Z", "0A"
        )

    def invoke(self) -> Any:
        """Give the function what lies in its queue."""
        queue = self.access.queue(NAME)
        messages = self.access.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        records = [
            {
                "messageId": each["MessageId"],
                "receiptHandle": each["ReceiptHandle"],
                "body": each["Body"],
                "attributes": {"ApproximateReceiveCount": "1"},
                "eventSource": "aws:sqs",
            }
            for each in messages
        ]
        context: Any = SimpleNamespace(
            function_name=NAME,
            memory_limit_in_mb=128,
            invoked_function_arn="arn",
            aws_request_id="1",
            get_remaining_time_in_millis=lambda: 60_000,
        )
        opened = queue_handler.opened_once(ReadingSettings, open_stores)
        answer = queue_handler.queue_handler(READING_FLOW, opened)({"Records": records}, context)
        for each in messages:
            self.access.sqs.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
        return answer

    def cesta(self, *arguments: str) -> Any:
        """Run a command in a process that has the row, and read the JSON it prints."""
        done = run(CESTA, *arguments, "--from-env", "--json", environment=self.environment)
        return json.loads(done)


def run(code: str, *arguments: str, environment: dict[str, str]) -> str:
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def readings(bare_cloud: Access, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Readings]:
    """The registry has the row, the cloud what an instance would have made for it."""
    monkeypatch.setattr(registry, "FLOWS", (*registry.FLOWS, ROW))
    monkeypatch.setattr(queue_handler.metrics, "add_metric", lambda **_: None)
    name = f"readings-{uuid4().hex[:12]}"
    with ledger_table(bare_cloud.dynamodb) as ledger:
        letters = bare_cloud.sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]
        told = bare_cloud.sqs.get_queue_attributes(QueueUrl=letters, AttributeNames=["QueueArn"])["Attributes"]
        policy = json.dumps({"deadLetterTargetArn": told["QueueArn"], "maxReceiveCount": 40})
        queue = bare_cloud.sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy})["QueueUrl"]
        others = [row for row in registry.queued_flows() if row is not ROW]
        document = {
            **bare_cloud.document,
            "queues": {
                **{row.queue: "none" for row in others},
                ROW.queue: queue,
                ROW.dead_letters: letters,
                **{row.dead_letters: "none" for row in registry.FLOWS if row.stream},
            },
            "buckets": {
                **dict.fromkeys(("tickets", "stocks", "inbox", "raw", "curated", "compras"), "none"),
                NAME: make_bucket(bare_cloud.s3, name),
                "quarantine": make_bucket(bare_cloud.s3, f"{name}-quarantine"),
                **dict.fromkeys((catalog.name for catalog in PROD_CATALOGS), "none"),
            },
            "tables": {"ledger": ledger, **dict.fromkeys(("stocks", "compras", "products", "tenants"), "none")},
            "graph": {"uri": "none", "user": "none", "password": "none"},
            "search": {"url": "none"},
            "settings": {"tickets-day-begins": "00:00"},
            "databases": {"lake": "none", "compras": "none"},
            "crawlers": dict.fromkeys((catalog.name for catalog in PROD_CATALOGS), "none"),
            "workgroups": {"lake": "none"},
        }
        instance = Instance.at(tmp_path / "state", 24_500)
        instance.prepare()
        contract = environment_contract(instance, document)
        for variable, value in contract.items():
            monkeypatch.setenv(variable, value)
        inherited = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(PROJECT)}
        yield Readings(Access(document), {**inherited, **contract})


def test_what_is_derived_at_import_has_it(readings: Readings) -> None:
    found = json.loads(run(DERIVED, environment=readings.environment))
    assert "readings-to-json" in found["packages"]
    assert "readings_bridge" in found["sensors"]
    assert {check.partition(":")[2] for check in found["checks"]} == {
        "receipts_known",
        "no_foreign_messages",
        "few_rejected",
        "no_file_refused",
        "no_day_left_out",
        "receipts_shown_in_time",
    }
    for resource in ("ReadingsQueue:", "ReadingsDeadLetters:", "ReadingsConcurrency:", "QueueReadingsDlq:"):
        assert resource in found["template"]


def test_an_instance_gives_it_its_environment(readings: Readings) -> None:
    assert readings.environment["READINGS_QUEUE_URL"] == readings.access.queue(NAME)
    assert readings.environment["READINGS_BUCKET"] == readings.access.bucket(NAME)
    with open_flow(registry.flow_row(NAME)) as opened:
        assert (opened.queue_url, opened.bucket) == (readings.access.queue(NAME), readings.access.bucket(NAME))
        assert opened.flow is load_flow(ROW)


def test_it_is_worked_asked_about_and_mended_like_any_other(readings: Readings) -> None:
    version = readings.put("a.csv", "s1,20", "s2,cold")
    EventQueue(readings.access.sqs, readings.access.queue(NAME)).send(notification(version))
    assert readings.invoke() == {"batchItemFailures": []}
    status = flow_status(readings.access, NAME)
    assert (status.received, status.accepted, status.quarantined, status.objects) == (2, 1, 1, 1)

    (listed,) = readings.cesta("quarantine", "list", "--flow", NAME)["files"]
    assert (listed["key"], listed["standing"], listed["rules"]) == ("a.csv", "open", {"value_whole": 1})
    replayed = readings.cesta("quarantine", "replay", "--all", "--flow", NAME)
    assert replayed["files"][0]["after"] == Counts(received=2, accepted=1, quarantined=1).as_dict()
    assert readings.cesta("redrive", NAME, "--dry-run") == {"letters": [], "moved": 0, "left": 0}

    traced = readings.cesta("trace", "a.csv", "--flow", NAME)
    assert "is through since" in traced["verdict"]
    assert traced["versions"][0]["rules"] == {"value_whole": 1}

    (found,) = readings.cesta("acknowledge", "--flow", NAME)["problems"]
    assert (found["key"], found["quarantined"], found["acknowledged"]) == ("a.csv", 1, None)
    words = ("--reason", "a broken sensor", "--by", "ada")
    (said,) = readings.cesta("acknowledge", "a.csv", *words, "--flow", NAME)["problems"]
    assert {name: said["acknowledged"][name] for name in ("reason", "who")} == {"reason": words[1], "who": "ada"}
    (open_again,) = readings.cesta("acknowledge", found["receipt"][:12], "--undo", "--flow", NAME)["problems"]
    assert open_again["acknowledged"] is None

    readings.put("lost.csv", "s3,7")
    assert "no event announces it" in readings.cesta("trace", "lost.csv", "--flow", NAME)["verdict"]
    assert readings.cesta("reconcile", NAME)["announced"] == 1
    readings.invoke()
    assert announce_lost(readings.access, ROW).announced == 0
    assert flow_status(readings.access, NAME).accepted == 2


def test_its_rejected_rows_are_shown_and_a_corrected_file_is_judged_first(readings: Readings, tmp_path: Any) -> None:
    EventQueue(readings.access.sqs, readings.access.queue(NAME)).send(
        notification(readings.put("b.csv", "s1,20", "s2,"))
    )
    readings.invoke()
    shown = tmp_path / "rejected.csv"
    run(
        CESTA,
        "quarantine",
        "show",
        "b.csv",
        "--csv",
        str(shown),
        "--flow",
        NAME,
        "--from-env",
        environment=readings.environment,
    )
    assert shown.read_text().splitlines() == [HEADER, "s2,"]
    correctable = capability(load_flow(ROW), Correctable)
    assert correctable is not None
    shown.write_text(f"{HEADER}\ns1,20\ns2,21\n")
    assert read_mended(shown, "b.csv", correctable) == Preview(rows=2)
