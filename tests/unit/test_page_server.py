"""The page of an instance and its API under one address: what is served, what goes on, and who is refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import urllib3

from deploy.local.instance import Instance
from deploy.local.page_server import PageServer
from deploy.page_files import HEADERS, page_files
from tests.worlds.stack import free_port_base

TENANT = "/search/Mercado%20%C3%91and%C3%BA/products?q=a%2Fb&category=x&category=y"


class Echo(BaseHTTPRequestHandler):
    """Stands where the API is, and tells what reached it."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        told = json.dumps([self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body]).encode()
        self.send_response(202)
        self.send_header("Location", "/analytics/a/report/1")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_POST  # noqa: N815 - the base class names it so

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(server: HTTPServer) -> Iterator[None]:
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    made = Instance.at(tmp_path_factory.mktemp("page") / "state", free_port_base())
    made.prepare()
    api = HTTPServer(("127.0.0.1", made.port("cloud")), Echo)
    made.outputs_file.write_text(json.dumps({"web": {"api": f"{made.endpoint_url}/_aws/execute-api/0a1b"}}))
    with serving(api), serving(PageServer(made)):
        yield made


def ask(instance: Instance, path: str, method: str = "GET", body: str = "", **headers: str) -> urllib3.HTTPResponse:
    pool = urllib3.HTTPConnectionPool("127.0.0.1", instance.port("page"), retries=False)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = pool.urlopen(method, path, body=body or None, headers=named, redirect=False)
    pool.close()
    assert isinstance(answer, urllib3.HTTPResponse)
    return answer


def test_each_file_comes_with_the_policy_and_its_kind(instance: Instance) -> None:
    for name, file in page_files().items():
        answer = ask(instance, f"/page/{name}")
        assert (answer.status, answer.data) == (200, file.read_bytes())
        assert {header: answer.headers[header] for header in HEADERS} == HEADERS
    assert ask(instance, "/page/app.js").headers["Content-Type"].startswith("text/javascript")
    assert ask(instance, "/").headers["Location"] == "/page/index.html"


@pytest.mark.parametrize("path", ["/page/none.js", "/page/../stack.py", "/page/%2e%2e/stack.py", "/page/page/app.js"])
def test_nothing_but_the_files_of_the_page_is_a_page(instance: Instance, path: str) -> None:
    assert ask(instance, path).status == 404


def test_all_else_goes_on_to_the_api_as_it_is(instance: Instance) -> None:
    answer = ask(
        instance, TENANT, "POST", '{"a": 1}', Authorization="Bearer t", Cookie="c=1", Sec_Fetch_Site="same-origin",
        Origin=f"http://127.0.0.1:{instance.port('page')}", Content_Type="application/json",
    )  # fmt: skip
    method, path, headers, body = answer.json()
    assert (method, path, body) == ("POST", f"/_aws/execute-api/0a1b{TENANT}", '{"a": 1}')
    assert (headers["authorization"], headers["content-type"]) == ("Bearer t", "application/json")
    assert not {"cookie", "origin", "sec-fetch-site"} & headers.keys(), "the local cloud answers programs"
    assert (answer.status, answer.headers["Location"]) == (202, "/analytics/a/report/1")


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "http://evil.example"}, id="another origin"),
        pytest.param({"Origin": "null"}, id="no origin"),
        pytest.param({"Sec_Fetch_Site": "cross-site"}, id="another site"),
        pytest.param({"Sec_Fetch_Site": "same-site"}, id="another port"),
    ],
)
def test_another_page_may_not_ask_the_api(instance: Instance, headers: dict[str, str]) -> None:
    answer = ask(instance, TENANT, **headers)
    assert (answer.status, answer.headers["Content-Type"]) == (403, "application/problem+json")


def test_a_foreign_name_for_this_machine_is_refused(instance: Instance) -> None:
    assert ask(instance, "/page/index.html", Host="evil.example").status == 421
    assert ask(instance, "/page/index.html", Host=f"localhost:{instance.port('page')}").status == 200


def test_an_api_that_is_down_is_told_and_may_be_asked_again(tmp_path: Path) -> None:
    made = Instance.at(tmp_path / "state", free_port_base())
    made.prepare()
    made.outputs_file.write_text(json.dumps({"web": {"api": f"{made.endpoint_url}/_aws/execute-api/0a1b"}}))
    with serving(PageServer(made)):
        answer = ask(made, TENANT)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert ask(made, TENANT, "POST", Content_Length="99999999").status == 413
