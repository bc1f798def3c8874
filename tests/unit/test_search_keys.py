"""The key of a tenant reaches every index of its own, one that is being built too, and none of another tenant."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from pipeline_assets.events.tenants import tenant_id
from pipeline_assets.search.elasticsearch_index import ElasticsearchIndex
from pipeline_assets.search.names import KINDS, alias, building, index_name


@contextmanager
def engine_with_security(asked: list[Any]) -> Iterator[str]:
    """What Elasticsearch answers, as far as keys are made; what they are to reach is put into `asked`."""

    class Engine(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({"username": "operator"})

        def do_PUT(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer({"id": "1", "name": asked[-1]["name"], "api_key": "k", "encoded": "MTpr"})

        def log_message(self, *_: Any) -> None:
            pass

        def _answer(self, document: Any) -> None:
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("X-Elastic-Product", "Elasticsearch")
            self.send_header("Content-Type", self.headers["Accept"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with HTTPServer(("127.0.0.1", 0), Engine) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def names(tenant: str) -> list[str]:
    """Names of all indexes of a tenant that is being rebuilt."""
    aliases = [alias("dev", kind, tenant_id(tenant)) for kind in KINDS]
    found = [(each, index_name(each, 1), index_name(each, 2), building(index_name(each, 2))) for each in aliases]
    return [name for of_kind in found for name in of_kind]


def test_a_key_reaches_what_a_rebuild_builds_and_nothing_of_another_tenant() -> None:
    asked: list[Any] = []
    with engine_with_security(asked) as url:
        aliases = tuple(alias("dev", kind, tenant_id("t1")) for kind in KINDS)
        assert ElasticsearchIndex.open(url).issue_key("t1", aliases) == "MTpr"
    (key,) = asked
    patterns = [each for part in key["role_descriptors"]["tenant"]["indices"] for each in part["names"]]

    def reached(tenant: str) -> list[bool]:
        return [any(fnmatchcase(name, pattern) for pattern in patterns) for name in names(tenant)]

    assert all(reached("t1"))
    for other in ("t10", "T1", "t1-2", "t1_2", "t1-000001", "t", "building"):
        assert not any(reached(other)), other
