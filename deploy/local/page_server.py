"""The web page of an instance and its HTTP API under one address, as the template's distribution has them on AWS.

The local cloud refuses what web pages send. Here a page may ask for what tenants may ask, and for nothing else of the
local cloud: what is not a file of the page goes on to the API, which lets nobody in without a token.
"""

from __future__ import annotations

import json
import socketserver
import sys
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3

from deploy.local.instance import HOST, PROJECT, Instance
from deploy.local.processes import inherited_environment
from deploy.local.supervisor import Child
from deploy.page_files import FOLDER, HEADERS, KINDS, page_files

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
#: Of one connection alone, or of the browser about its page.
_OWN: Final = {"host", "connection", "keep-alive", "transfer-encoding", "upgrade", "origin", "referer", "cookie"}
_ANSWER_SECONDS: Final = 60.0
_MOST_BYTES: Final = 1_048_576
_PREFIX: Final = f"/{FOLDER}"


def page_child(instance: Instance) -> Child:
    """The process that serves the page."""
    return Child(
        name="page",
        title="web page",
        command=(sys.executable, "-m", "deploy.local.page_server", str(instance.state)),
        environment=inherited_environment(),
        directory=PROJECT,
        log=instance.logs / "page.log",
        tier=2,
        is_ready=lambda: page_is_ready(instance),
        start_seconds=30,
        stop_seconds=10,
    )


def page_is_ready(instance: Instance) -> bool:
    """Whether the page of an instance is there."""
    try:
        return urllib3.request("HEAD", instance.page_url, timeout=2, retries=False).status == HTTPStatus.OK
    except urllib3.exceptions.HTTPError:
        return False


class PageServer(ThreadingHTTPServer):
    """Server of the page of one instance."""

    daemon_threads = True

    def __init__(self, instance: Instance) -> None:
        super().__init__((HOST, instance.port("page")), _Handler)
        self.instance = instance
        self.origins = {f"http://{name}:{instance.port('page')}" for name in (HOST, "localhost")}

    def api(self) -> tuple[str, int, str]:
        """Host, port and path of the API: another one after the stack was made anew."""
        outputs: dict[str, Any] = json.loads(self.instance.outputs_file.read_text(encoding="utf-8"))
        place = urlsplit(outputs["web"]["api"])
        return str(place.hostname), place.port or 80, place.path


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "Cesta", ""
    server: PageServer

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the base class looks for a method of each name
        if name.removeprefix("do_") in _METHODS:
            return self._answer
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the base class names it so
        """Say nothing: what people look for is in the addresses."""

    def _answer(self) -> None:
        if f"http://{self.headers.get('Host')}" not in self.server.origins:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "This is another place than the one that was asked for.")
        elif self.path.split("?")[0] in {"/", "/page"}:
            self._send(HTTPStatus.FOUND, b"", {"Location": f"{_PREFIX}index.html"})
        elif self.path.startswith(_PREFIX):
            self._send_file(self.path.removeprefix(_PREFIX).split("?")[0])
        elif self._is_of_another_page():
            self._refuse(HTTPStatus.FORBIDDEN, "The API of an instance answers programs and its own page.")
        else:
            self._pass_on()

    def _is_of_another_page(self) -> bool:
        origin = self.headers.get("Origin")
        foreign = self.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}
        return foreign or (origin is not None and origin not in self.server.origins)

    def _send_file(self, name: str) -> None:
        file = page_files().get(name or "index.html")
        if file is None or self.command not in {"GET", "HEAD"}:
            self._refuse(HTTPStatus.NOT_FOUND, "There is nothing at this address.")
        else:
            self._send(HTTPStatus.OK, file.read_bytes(), {**HEADERS, "Content-Type": KINDS[file.suffix]})

    def _pass_on(self) -> None:
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= _MOST_BYTES or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A body may have at most {_MOST_BYTES:,} bytes.")
            return
        body = self.rfile.read(length) if length else None
        headers = {n: v for n, v in self.headers.items() if n.lower() not in _OWN and not n.lower().startswith("sec-")}
        try:
            host, port, path = self.server.api()
            cloud = HTTPConnection(host, port, timeout=_ANSWER_SECONDS)
            try:
                cloud.request(self.command, path + self.path, body, headers)
                self._send_answer(cloud.getresponse())
            finally:
                cloud.close()
        except (OSError, HTTPException, ValueError, KeyError):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "The API does not answer.", {"Retry-After": "5"})

    def _send_answer(self, answer: HTTPResponse) -> None:
        body = answer.read()
        own = {*_OWN, "content-length", "date", "server"}
        self._send(answer.status, body, {n: v for n, v in answer.getheaders() if n.lower() not in own})

    def _refuse(self, status: HTTPStatus, detail: str, headers: dict[str, str] | None = None) -> None:
        document = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}
        told = {"Content-Type": "application/problem+json", **(headers or {})}
        self._send(status, json.dumps(document).encode(), told)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def main() -> None:
    """Serve the page of the instance whose state directory is given."""
    socketserver.TCPServer.allow_reuse_address = True
    with PageServer(Instance.at(Path(sys.argv[1]))) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
