"""A real Elasticsearch that hangs, or is killed and started again, while purchases change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lambdas._runtime import stream_handler as runtime
from pipeline_assets.errors import TransientError
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.tenants import tenant_id
from pipeline_assets.operations.access import Access
from pipeline_assets.search.elasticsearch_index import ElasticsearchIndex
from pipeline_assets.search.ingest import COMPRAS_SEARCH
from pipeline_assets.search.names import alias
from pipeline_assets.search.stores import SearchStores
from tests.engines.elasticsearch_server import ElasticsearchServer, running_elasticsearch
from tests.worlds.compras import Purchases, purchase
from tests.worlds.search import Indexed, record
from tests.worlds.stack import free_port_base, running_stack
from tests.worlds.waiting import until

_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


def deployed(world: Indexed) -> Callable[[dict[str, Any]], Any]:
    """The function behind the stream, with the stores of a world."""

    @contextmanager
    def open_stores(_: object) -> Iterator[SearchStores]:
        yield world.stores()

    settings: Any = SimpleNamespace(from_environment=lambda: None)
    handler = runtime.stream_handler(COMPRAS_SEARCH, settings, open_stores)
    context: Any = SimpleNamespace(
        function_name="compras-to-search",
        memory_limit_in_mb=512,
        invoked_function_arn="arn:aws:lambda:eu-central-1:111122223333:function:compras-to-search",
        aws_request_id="stops",
        get_remaining_time_in_millis=lambda: 120_000,
    )
    return lambda event: handler(event, context)


def test_while_elasticsearch_hangs_changes_are_told_to_come_again_and_documents_go_on(
    bare_cloud: Access, elasticsearch: ElasticsearchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime.metrics, "namespace", "Cesta")
    world = Indexed.new(bare_cloud, "purchases", ElasticsearchIndex.open(elasticsearch.url))
    documents, function = Purchases.new(bare_cloud), deployed(world)
    documents.table = world.table
    impatient = deployed(replace(world, index=ElasticsearchIndex.open(elasticsearch.url, seconds=1)))
    kept, changed, gone = (purchase(name) for name in ("c1", "c2", "c3"))
    before = [record("purchases", number, "INSERT", item) for number, item in enumerate((changed, gone), 1)]
    assert function({"Records": before}) == {"batchItemFailures": []}
    changed = changed | {"user_id": {"S": "u9"}}
    events = {
        "Records": [
            record("purchases", 3, "INSERT", kept),
            record("purchases", 4, "MODIFY", changed),
            record("purchases", 5, "REMOVE", gone),
        ]
    }
    with elasticsearch.hanging():
        assert impatient(events) == {"batchItemFailures": [{"itemIdentifier": str(10**20 + 3)}]}
        assert documents.deliver(*events["Records"]).failed == ""
        assert len(documents.document_keys()) == 3
    assert len(list(world.ledger.receipts(COMPRAS_SEARCH.name))) == 1
    # What the engine was asked before it went on may be done by now: it is found as such, or written.
    assert function(events) == {"batchItemFailures": []}
    assert world.state("t1", ["c1", "c2", "c3"], "user_id") == {"c1": "u1", "c2": "u9"}
    removed = world.document("c3")
    assert removed
    assert removed["deleted"]


@pytest.mark.slow
def test_purchases_that_change_while_elasticsearch_is_down_are_in_the_index_when_it_is_back(tmp_path: Path) -> None:
    """The whole instance with Elasticsearch in place of its own engine, which is killed and started on its data."""
    name = alias("dev", "purchases", tenant_id("t1"))
    with (
        running_elasticsearch(free_port_base(), java_options=_JAVA) as server,
        running_stack(tmp_path, dagster=False, search_engine=server.url, outlives_kills=False) as cloud,
    ):
        index = ElasticsearchIndex.open(server.url, seconds=5)
        access, dynamodb, table = cloud.access, cloud.access.dynamodb, cloud.access.table("compras")
        bucket, ledger = access.open_bucket("compras"), Ledger(dynamodb, access.table("ledger"))

        def indexed() -> dict[str, str]:
            try:
                found = index.read(name, ["c1", "c2", "c3"])
            except TransientError:  # it takes requests before it has opened its indexes
                return {}
            return {each.id: each.source["user_id"] for each in found if each and not each.stored.deleted}

        def in_table() -> dict[str, str]:
            items = dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
            return {item["compra_id"]["S"]: item["user_id"]["S"] for item in items}

        for each in ("c1", "c2"):
            dynamodb.put_item(TableName=table, Item=purchase(each))
        until(lambda: indexed() == in_table())
        until(lambda: len(list(bucket.objects("compras/t1/"))) == 2)
        server.kill()
        dynamodb.put_item(TableName=table, Item=purchase("c1") | {"user_id": {"S": "u9"}})
        dynamodb.delete_item(TableName=table, Key={key: purchase("c2")[key] for key in ("tenant_id", "compra_id")})
        dynamodb.put_item(TableName=table, Item=purchase("c3"))
        until(lambda: len(list(bucket.objects("compras/t1/"))) == 5, what="documents of changes while it was down")
        event = {"Records": [record("purchases", 9, "INSERT", purchase("c9", "t2"), table=table)]}
        answer = access.client("lambda").invoke(
            FunctionName=cloud.outputs["functions"]["compras-to-search"], Payload=json.dumps(event).encode()
        )
        # The local cloud knows no partial responses: there the function fails, and all of the batch comes again.
        assert "the engine did not answer" in json.loads(answer["Payload"].read())["errorMessage"]
        assert ledger.account("search/purchases", "t1").counts.accepted == 2
        server.start()
        until(lambda: indexed() == in_table() == {"c1": "u9", "c3": "u1"})
        until(lambda: ledger.account("search/purchases", "t1").counts.accepted == 5)
