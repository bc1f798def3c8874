"""What Spark jobs run in the cloud: all that they need, always the same bytes, and it works where it is unpacked."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from deploy.packaging import LOCKS, OUT, ROOT
from deploy.spark_package import ENVIRONMENT, SCRIPT, build_spark_package, spark_prefix, upload_spark
from pipeline_assets.operations.access import Access
from pipeline_assets.spark.jobs import JOBS

IMPORT = """
import importlib, json, sys
for module in ("pipeline_assets.spark.submit", *sys.argv[1:]):
    importlib.import_module(module)
if "pipeline_assets.analytics.sets" in sys.modules:
    assert all(each.features for each in sys.modules["pipeline_assets.analytics.sets"].SETS)
files = [found.__file__ for found in list(sys.modules.values()) if getattr(found, "__file__", None)]
print(json.dumps({"files": files, "dagster": bool(importlib.util.find_spec("dagster"))}))
"""
#: The interpreter below the environment that these tests run in, which has none of its libraries.
BASE = Path(sys.base_prefix) / "bin"


@pytest.fixture(scope="module")
def built() -> tuple[Path, Path]:
    OUT.mkdir(exist_ok=True)
    with (OUT / "lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        return build_spark_package(OUT)


@pytest.fixture(scope="module")
def unpacked(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder beside which a driver and its executors find the environment."""
    folder = tmp_path_factory.mktemp("executor")
    with tarfile.open(built[0]) as archive:
        archive.extractall(folder / "environment", filter="data")
    return folder


def python_of(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {"PATH": f"{BASE}:/usr/bin:/bin", **environment}
    command = ["./environment/bin/python", *arguments]
    return subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False)


def test_jobs_need_nothing_else_but_spark(unpacked: Path) -> None:
    modules = {address.partition(":")[0] for address in JOBS.values()}
    done = python_of(unpacked, "-c", IMPORT, *sorted(modules))
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    strangers = [f for f in seen["files"] if not f.startswith((f"{unpacked}/environment/lib/", sys.base_prefix))]
    assert (strangers, seen["dagster"]) == ([], False)


def test_without_its_python_it_says_which_it_needs(unpacked: Path, tmp_path: Path) -> None:
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    done = python_of(unpacked, "-V", PATH=str(tmp_path))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert done.returncode == 127
    assert done.stderr.startswith(f"this environment was built for Python {version}, and there is no python{version}")


def test_the_same_code_gives_the_same_bytes_and_is_not_built_again(built: tuple[Path, Path], tmp_path: Path) -> None:
    before = built[0].stat().st_mtime_ns
    assert build_spark_package(OUT) == built
    assert built[0].stat().st_mtime_ns == before
    again, script = build_spark_package(tmp_path)
    assert spark_prefix(tmp_path) == spark_prefix(OUT)
    # The key holds the hash: other bytes, of either, are another key.
    script.write_text(script.read_text() + "\n")
    assert spark_prefix(tmp_path) != spark_prefix(OUT)
    assert again.read_bytes() == built[0].read_bytes()


def test_it_holds_libraries_and_code_of_jobs_and_no_more(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as archive:
        files = [PurePosixPath(name) for name in archive.getnames()]
    assert {file.parts[0] for file in files} == {"bin", "lib"}
    assert [file.as_posix() for file in files if file.parts[0] == "bin"] == ["bin/python"]
    assert not [f for f in files if f.suffix == ".pyc" or "tests" in f.parts]
    assert not {f.parts[1] for f in files} & {"pyspark", "py4j", "dagster", "lambdas", "pytest"}
    assert not [f for f in files if f.name in {"assets.py", "sensors.py", "checks.py", "definitions.py"}]


def test_its_lock_has_the_versions_of_the_project() -> None:
    locked = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    project = {(each["name"], each.get("version", "")) for each in locked}
    lines = (LOCKS / "spark.txt").read_text().splitlines()
    differing = {tuple(line.split()[0].split("==")) for line in lines if "==" in line} - project
    assert not differing, "run `python -m deploy.packaging --lock`"


def test_it_is_put_where_the_packages_of_functions_are(built: tuple[Path, Path], bare_cloud: Access) -> None:
    bucket, account = "cesta-spark-package-test", bare_cloud.client("sts").get_caller_identity()["Account"]
    bare_cloud.s3.create_bucket(Bucket=bucket)
    assert upload_spark(bare_cloud.s3, bucket, account, OUT) == {"SparkPackage": spark_prefix(OUT)}
    kept = {item["Key"]: item["Size"] for item in bare_cloud.s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert kept == {
        f"{spark_prefix(OUT)}/{name}": file.stat().st_size
        for name, file in zip((ENVIRONMENT, SCRIPT), built, strict=True)
    }


def test_the_guide_names_it_as_it_is_named_here(built: tuple[Path, Path], tmp_path: Path) -> None:
    (line,) = re.findall(r"^SPARK=.*$", (ROOT / "docs" / "guides" / "deploy.md").read_text(), re.MULTILINE)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "aws").symlink_to(built[0].parent)
    shell = ["/bin/sh", "-euc", f'{line}\necho "$SPARK"']
    done = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == spark_prefix(OUT)


def test_a_stack_without_it_is_told_nothing(bare_cloud: Access, tmp_path: Path) -> None:
    assert upload_spark(bare_cloud.s3, "any", "000000000000", tmp_path) == {}


@pytest.mark.slow
def test_a_driver_and_an_executor_that_unpack_it_run_a_job(built: tuple[Path, Path], unpacked: Path) -> None:
    """As EMR Serverless does: the archive goes to an executor, a process of its own, which starts its Python in it."""
    found = find_spec("pyspark")
    if found is None or not found.submodule_search_locations:
        pytest.skip("there is no Spark here: `make spark` adds it")
    home = Path(found.submodule_search_locations[0])
    archive, script = built
    environment = {
        "PATH": f"{BASE}:{os.environ['PATH']}",
        "HOME": str(unpacked),
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": "./environment/bin/python",
        "PYSPARK_DRIVER_PYTHON": str(unpacked / "environment" / "bin" / "python"),
    }
    settings = {"spark.ui.enabled": "false", "spark.archives": f"{archive}#environment"}
    command = [str(home / "bin" / "spark-submit"), "--master", "local-cluster[1,1,1024]"]
    command += [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
    command += [str(script), "--job", "probe", "--parameters", json.dumps({"rows": 1_000})]
    try:
        done = subprocess.run(command, cwd=unpacked, env=environment, capture_output=True, text=True, check=False)
    finally:
        # Where an executor works, which Spark leaves there.
        shutil.rmtree(home / "work", ignore_errors=True)
    assert done.returncode == 0, done.stderr[-4000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])["result"]
    assert result["rows"] == 1_000
    assert result["spark"]["executors"] == 2, "the driver and one more"
