#!/usr/bin/python3
"""What is done on the search host: `unpack`, `users PORT`, `add NAME PORT MEMORY`, `ready`, `metrics`.

Runs on the Python of the machine's own system, 3.9, with nothing installed.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import socket
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RUN = Path(os.environ.get("CESTA_RUN", "/run/cesta"))
DATA = Path(os.environ.get("CESTA_DATA", "/data"))
SETTINGS = Path(os.environ.get("CESTA_SETTINGS", "/etc/cesta/search-host.env"))
#: Seconds for which an engine is waited for that was just started.
PATIENCE = 300


def unpack() -> None:
    """Put what is secret, which comes by standard input, where the containers find it."""
    held = json.load(sys.stdin)
    for name, value in (
        ("tls/certificate.pem", held["certificate"]),
        ("tls/key.pem", held["key"]),
        ("ca.pem", held["ca"]),
        ("elastic-password", held["elastic"]),
        ("access.json", json.dumps({"roles": held["roles"], "users": held["users"]})),
    ):
        file = RUN / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as opened:
            opened.write(value)


def add(name: str, port: str, memory: str) -> None:
    """Add a container, or change the port or memory of one."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", name) or not re.fullmatch(r"92[0-9]{2}", port):
        sys.exit("a container has a name of small letters, digits and hyphens, and a port from 9200 to 9299")
    if not re.fullmatch(r"[0-9]+[mg]", memory):
        sys.exit("memory is a number with m or g, such as 2g")
    for folder in ("containers", f"indexes/{name}"):
        (DATA / folder).mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        os.chown(DATA / "indexes" / name, 1000, 0)
    (DATA / "containers" / f"{name}.env").write_text(f"PORT={port}\nMEMORY={memory}\n")


def users(port: str) -> None:
    """Give the engine its roles and users, as the secret has them, as soon as it answers."""
    until = time.monotonic() + PATIENCE
    while _health(port) is None:
        if time.monotonic() > until:
            sys.exit(f"the engine at port {port} does not answer")
        time.sleep(1)
    access = json.loads((RUN / "access.json").read_text())
    for name, role in access["roles"].items():
        _ask("PUT", port, f"/_security/role/{name}", role)
    for name, user in access["users"].items():
        _ask("PUT", port, f"/_security/user/{name}", user)


def ready() -> None:
    """Wait until every container answers."""
    until = time.monotonic() + 2 * PATIENCE
    while waiting := [port for port in _ports() if _health(port) is None]:
        if time.monotonic() > until:
            sys.exit(f"no engine answers at {', '.join(waiting)}")
        time.sleep(5)


def metrics() -> None:
    """Print what CloudWatch is told: containers that do not answer, how full the volume is, days of the certificate."""
    ports = _ports()
    healths = [_health(port) for port in ports]
    volume = os.statvfs(DATA)
    told = {
        "SearchUnavailable": sum(health not in {"green", "yellow"} for health in healths),
        "SearchDiskUsed": round(100 - 100 * volume.f_bavail / volume.f_blocks, 1),
    }
    days = _certificate_days(ports)
    if days is not None:
        told["SearchCertificateDays"] = days
    of = [{"Name": "Host", "Value": _setting("HOST")}]
    data = [{"MetricName": name, "Value": value, "Dimensions": of} for name, value in told.items()]
    json.dump(data, sys.stdout)


def _ports() -> list[str]:
    files = sorted((DATA / "containers").glob("*.env"))
    return [re.findall(r"^PORT=(\d+)$", file.read_text(), re.MULTILINE)[0] for file in files]


def _health(port: str) -> str | None:
    try:
        return str(_ask("GET", port, "/_cluster/health")["status"])
    except (OSError, http.client.HTTPException, ValueError):
        return None


def _ask(method: str, port: str, path: str, body: object = None) -> dict[str, Any]:
    """Ask an engine of this machine over TLS, under the name that its certificate is for."""
    password = (RUN / "elastic-password").read_text()
    login = base64.b64encode(f"elastic:{password}".encode()).decode()
    connection = _Here(port)
    try:
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        answer = response.read()
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise ValueError(f"{method} {path}: {response.status} {answer.decode(errors='replace')[:200]}")
    read: dict[str, Any] = json.loads(answer)
    return read


def _certificate_days(ports: list[str]) -> int | None:
    for port in ports:
        try:
            connection = _Here(port)
            connection.connect()
            shown = connection.sock.getpeercert() or {}
            connection.close()
        except ssl.SSLCertVerificationError:
            return 0
        except OSError:
            continue
        return int((ssl.cert_time_to_seconds(str(shown["notAfter"])) - time.time()) // 86_400)
    return None


class _Here(http.client.HTTPSConnection):
    """A connection to a container here, under the name that its certificate is for."""

    def __init__(self, port: str) -> None:
        super().__init__(_setting("HOST"), int(port), timeout=10)
        self.trusting = ssl.create_default_context(cafile=str(RUN / "ca.pem"))

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        self.sock = self.trusting.wrap_socket(plain, server_hostname=self.host)


def _setting(name: str) -> str:
    (value,) = re.findall(rf"^{name}=(.*)$", SETTINGS.read_text(), re.MULTILINE)
    return str(value)


if __name__ == "__main__":
    commands: dict[str, Callable[..., None]] = {
        "unpack": unpack,
        "users": users,
        "add": add,
        "ready": ready,
        "metrics": metrics,
    }
    commands[sys.argv[1]](*sys.argv[2:])
