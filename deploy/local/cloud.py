"""The local cloud: ministack, which deploys the production template and runs the production packages."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

import urllib3

from deploy.local import cloud_host
from deploy.local.engine_environment import EngineEnvironment
from deploy.local.instance import HOST, PROJECT, Instance
from deploy.local.processes import inherited_environment
from deploy.local.supervisor import Child

REGION = "us-east-1"
#: What ministack accepts from anybody; it listens on 127.0.0.1 only.
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
#: Packages of functions, each unpacked under the hash of what it holds.
FUNCTIONS = PROJECT / ".tools" / "functions"
_FORGOTTEN_SECONDS = 7 * 86_400.0


def cloud_child(instance: Instance, engines: EngineEnvironment, *, outlives_kills: bool = True) -> Child:
    """The process of the local cloud.

    It keeps S3 objects on disk at once; all else (tables, queues, functions, stacks) is written soon after each change
    and when it gets SIGTERM, so it needs time to end, and a kill -9 loses the last moment. Where it need not outlive a
    kill it is written at the end only, which saves up to a tenth of a core.
    """
    directory = instance.state / "cloud"
    scratch = directory / "tmp"  # of the functions' processes; stale ones of a killed cloud go
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    environment = {
        **inherited_environment(),
        "TMPDIR": str(scratch),
        "PYTHONUNBUFFERED": "1",
        "FUNCTIONS_DIR": str(_functions()),
        "GATEWAY_PORT": str(instance.port("cloud")),
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "MINISTACK_REGION": REGION,
        "PERSIST_STATE": "1",
        "STATE_DIR": str(directory / "services"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(directory / "s3"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "STATE_WRITTEN": "soon" if outlives_kills else "at the end",
        # A person who puts a file after a pause should not wait for a cold start.
        "LAMBDA_WARM_TTL_SECONDS": "3600",
    }
    return Child(
        name="cloud",
        title="local cloud",
        # -P: the modules beside the host are not the engines' own.
        command=(str(engines.python), "-P", cloud_host.__file__),
        environment=environment,
        directory=directory,
        log=instance.logs / "cloud.log",
        tier=1,
        is_ready=lambda: cloud_is_ready(instance),
        start_seconds=60,
        stop_seconds=60,
    )


def _functions() -> Path:
    """The directory of the unpacked packages of all instances, without those that nobody has run for a week."""
    FUNCTIONS.mkdir(parents=True, exist_ok=True)
    for each in FUNCTIONS.iterdir():
        with suppress(FileNotFoundError):  # another instance forgets it too
            if time.time() - each.stat().st_mtime > _FORGOTTEN_SECONDS:
                shutil.rmtree(each, ignore_errors=True)
    return FUNCTIONS


def cloud_is_ready(instance: Instance) -> bool:
    """Whether the local cloud answers and has loaded its saved state."""
    try:
        answer = urllib3.request("GET", f"{instance.endpoint_url}/_ministack/ready", timeout=2, retries=False)
        return answer.status == HTTPStatus.OK and answer.json().get("status") == "completed"
    except (urllib3.exceptions.HTTPError, ValueError):
        return False
