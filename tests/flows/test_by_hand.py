"""Functions behind queues run by hand, each as a process of its own with the environment of an instance."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.outputs import environment_contract
from deploy.local.processes import inherited_environment
from lambdas._runtime.by_hand import CHECK
from tests.worlds.stack import RunningStack

ROOT = Path(__file__).parents[2]
FUNCTIONS = ("raw_to_curated", "curated_to_prod")


def run(function: str, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, f"lambdas/{function}/lambda_function.py", *arguments]
    given = {**inherited_environment(), **environment}
    return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.any_engine
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_works_an_event_in_and_prints_what_has_to_come_again(
    cloud: RunningStack, function: str, tmp_path: Path
) -> None:
    environment = environment_contract(cloud.instance, cloud.outputs)
    checked = run(function, environment)
    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout.splitlines()[-1]) == {"batchItemFailures": []}
    # No message of its queue is like this one; what is foreign is put away, and comes again where that cannot be done.
    event = tmp_path / "event.json"
    (message,) = CHECK["Records"]
    event.write_text(json.dumps({"Records": [message | {"body": "hello"}]}))
    away = run(function, environment | {"QUARANTINE_BUCKET": "no-such-bucket"}, str(event))
    assert away.returncode == 1, away.stdout
    assert json.loads(away.stdout.splitlines()[-1]) == {"batchItemFailures": [{"itemIdentifier": "by-hand"}]}


def test_what_is_missing_is_named() -> None:
    missing = run("raw_to_curated", {"AWS_DEFAULT_REGION": "us-east-1"})
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "CURATED_BUCKET" in missing.stderr or "RAW_BUCKET" in missing.stderr
    absent = run("raw_to_curated", {}, "no-such-file.json")
    assert (absent.returncode, "no-such-file.json cannot be worked in" in absent.stderr) == (1, True)
