"""An instance that is stopped beside another one goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deploy.local.board import holder
from deploy.local.instance import PORT_NAMES, port_is_free
from deploy.local.processes import started_at
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.status import flow_status
from tests.worlds.commands import Command, processes_under
from tests.worlds.compras import purchase
from tests.worlds.stack import running_stack
from tests.worlds.waiting import eventually

MARK = "kept-over-a-restart"
FILES = 25


class TestDownAndUp:
    def test_goes_on_where_it_was_beside_another_instance(self, cesta: Command, tmp_path: Path) -> None:
        leave_marks(cesta.access())
        deployed = stack_description(cesta.access())
        invoke_function(cesta.access())
        assert any("ministack-lambda" in line for line in processes_under(cesta.instance.state))
        before = flow_status(cesta.access(), "tickets").accepted
        put_ticket_files(cesta.access())
        put_purchase(cesta.access(), "c1")

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
            assert eventually(lambda: flow_status(again.access, "tickets").accepted == before + FILES), "work went on"
            assert flow_status(again.access, "tickets").queued == 0
            put_purchase(again.access, "c2")
            assert eventually(lambda: purchases_told(again.access) == ["insert_c1", "insert_c2"])


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


def put_purchase(access: Access, compra: str) -> None:
    """Put a purchase into its table."""
    access.dynamodb.put_item(TableName=access.table("compras"), Item=purchase(compra, "kept"))


def purchases_told(access: Access) -> list[str]:
    """What the documents tell, each by its event and its purchase."""
    keys = [found.key for found in access.open_bucket("compras").objects("compras/kept/")]
    return sorted("_".join(key.rpartition("/")[2].split("_")[:2]) for key in keys)


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
