"""Whoever pastes the commands of the guide to AWS into a shell has a deployed stack: tried with the AWS CLI itself."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.cloud import CREDENTIALS, REGION
from deploy.packaging import ROOT, package_key
from deploy.page_files import FOLDER, page_files
from deploy.stack import TEMPLATE
from pipeline_assets.operations.access import Access
from tests.worlds.stack import packages_to_deploy

GUIDE = ROOT / "docs" / "guides" / "deploy.md"
PASSWORD = 'corn-flakes & "milk"'


def commands(*left_out: str) -> str:
    """The shell blocks up to the deployed stack, in their order, but for those with these words, and for Spark's."""
    until, _, _ = GUIDE.read_text().partition("## 4. ")
    blocks = re.findall(r"```sh\n(.*?)```", until, re.DOTALL)
    return "\n".join(
        block for block in blocks if not any(words in block for words in (*left_out, "deploy.spark_package"))
    )


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with packages in it: those of this machine, as building those of AWS needs the network."""
    place = tmp_path_factory.mktemp("checkout")
    (place / "deploy").symlink_to(ROOT / "deploy")
    (place / "dist").mkdir()
    (place / "dist" / "aws").symlink_to(packages_to_deploy(tmp_path_factory.mktemp("packages") / "aws"))
    return place


@pytest.fixture(scope="module")
def environment(bare_cloud: Access) -> dict[str, str]:
    aws = Path(sys.executable).parent
    assert shutil.which("aws", path=aws), "the AWS CLI is installed with the tests' own libraries"
    return {
        "PATH": f"{aws}:{os.environ['PATH']}",
        "HOME": "/nonexistent",
        "AWS_ENDPOINT_URL": bare_cloud.document["endpoint_url"],
        "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
    }


def run(script: str, workplace: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        cwd=workplace,
        env=environment,
        input=f"{PASSWORD}\n",
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_the_commands_deploy_the_stack_and_once_more_change_nothing(
    workplace: Path, environment: dict[str, str], bare_cloud: Access
) -> None:
    there = environment | {"AWS_DEFAULT_REGION": REGION}
    first = run(commands("deploy.packaging"), workplace, there)
    assert first.returncode == 0, f"{first.stdout}{first.stderr}"
    assert "BucketTickets" in first.stdout
    secret = bare_cloud.client("secretsmanager").get_secret_value(SecretId="cesta/prod/graph")["SecretString"]
    assert json.loads(secret) == {"password": PASSWORD}
    account = bare_cloud.client("sts").get_caller_identity()["Account"]
    artifacts = f"cesta-prod-artifacts-{account}-{REGION}"
    keys = {item["Key"] for item in bare_cloud.s3.list_objects_v2(Bucket=artifacts)["Contents"]}
    packages = {package_key(path.stem, path) for path in (workplace / "dist" / "aws").glob("*.zip")}
    assert packages <= keys
    assert {key.partition("/")[0] for key in keys - packages} == {"templates"}
    page = bare_cloud.s3.list_objects_v2(Bucket=f"cesta-prod-page-{account}-{REGION}")["Contents"]
    assert {item["Key"] for item in page} == {f"{FOLDER}{name}" for name in page_files()}

    again = run(commands("deploy.packaging", "create-secret").replace("aws s3 mb", ": aws s3 mb"), workplace, there)
    assert again.returncode == 0, f"{again.stdout}{again.stderr}"
    assert "No changes to deploy" in again.stdout + again.stderr


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-east-1"}, id="AWS_REGION first"),
        pytest.param({"AWS_DEFAULT_REGION": "eu-west-1"}, id="AWS_DEFAULT_REGION"),
    ],
)
def test_the_region_is_taken_from_the_environment(
    given: dict[str, str], workplace: Path, environment: dict[str, str]
) -> None:
    script = commands("deploy.packaging", "create-secret", "s3 mb", "cloudformation")
    done = run(f"{script}\necho $ARTIFACTS", workplace, environment | given)
    assert done.stdout.strip().endswith("-eu-west-1"), done.stderr


def test_without_a_region_nothing_is_made_under_half_a_name(workplace: Path, environment: dict[str, str]) -> None:
    script = (
        commands("deploy.packaging", "create-secret", "cloudformation", "s3 mb")
        .replace("aws sts get-caller-identity --query Account --output text", "echo 111122223333")
        .replace("$(aws configure get region)", "")
    )
    done = run(f"{script}\necho made $ARTIFACTS", workplace, environment)
    assert "made" not in done.stdout
    assert "no region is set" in done.stderr


def test_without_the_bucket_the_template_is_too_large(workplace: Path, environment: dict[str, str]) -> None:
    """What the options are for: the CLI itself refuses the command without them."""
    assert TEMPLATE.stat().st_size > 51_200
    bare = re.sub(r"--s3-bucket \S+ --s3-prefix \S+ ", "", commands("deploy.packaging", "create-secret", "s3 mb"))
    script = f"key() {{ echo k; }}\n{bare}"
    done = run(script, workplace, environment | {"AWS_DEFAULT_REGION": REGION})
    assert done.returncode != 0
    assert "51,200 bytes must be deployed via an S3 Bucket" in done.stderr
