"""What Spark jobs run in the cloud: a Python environment, `spark-environment.tar.gz`, and the script that is submitted.

EMR Serverless unpacks the environment beside the driver and each executor (`spark.archives=...#environment`) and starts
Python as `./environment/bin/python`. That is a short script: it finds the release's own Python of the version that the
wheels were built for, and puts the environment's libraries in front. Spark and its pyspark are those of the release.

What goes in is found and locked as for functions (`deploy.packaging`), from the script and the modules of all jobs; and
the same inputs give the same bytes. Built for Amazon Linux by `--python 3.12 --platform x86_64-manylinux_2_28`.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import shutil
import sys
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.packaging import (
    OUT,
    ROOT,
    PackagingError,
    Target,
    digest_of_inputs,
    first_party_files,
    import_graph,
    package_content,
)
from pipeline_assets.flow_rows import FunctionPackage
from pipeline_assets.spark.jobs import JOBS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client

ENVIRONMENT: Final = "spark-environment.tar.gz"
SCRIPT: Final = "spark-submit.py"
#: The script that is submitted, and the services that jobs call; features of sets are loaded by their addresses.
SPARK: Final = FunctionPackage(
    "spark",
    "pipeline_assets.spark.submit",
    frozenset({"dynamodb", "glue", "s3"}),
    declarations="pipeline_assets.analytics.*.prod_set",
)
#: What every release has with its Spark.
PROVIDED: Final = frozenset({"pyspark", "py4j"})
_COMPRESSION: Final = 1
_PYTHON: Final = """#!/bin/sh
# Python {python} of this machine, with the libraries of this environment before its own.
here=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd) || exit
if ! command -v python{python} > /dev/null; then
  echo "this environment was built for Python {python}, and there is no python{python} on $PATH" >&2
  exit 127
fi
PYTHONPATH="$here/lib${{PYTHONPATH:+:$PYTHONPATH}}" exec python{python} "$@"
"""


def build_spark_package(out: Path = OUT, target: Target | None = None) -> tuple[Path, Path]:
    """Build the environment and the script into `out`, described by `spark.json`; unchanged inputs build nothing.

    Raises `PackagingError` when a job reaches something that the environment would not hold.
    """
    target = target or Target()
    archive, script, description = out / ENVIRONMENT, out / SCRIPT, out / "spark.json"
    imports = import_graph()
    modules = {SPARK.handler, *(address.partition(":")[0] for address in JOBS.values())}
    found = [first_party_files(replace(SPARK, handler=module), imports) for module in sorted(modules)]
    code = dict(sorted((name, file) for files in found for name, file in files.items()))
    inputs = digest_of_inputs(SPARK, code, target) + hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    built = archive.exists() and script.exists() and description.exists()
    if built and json.loads(description.read_text())["inputs"] == inputs:
        return archive, script
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        content = package_content(SPARK, code, imports, target, wheels=Path(scratch, "wheels"), provided=PROVIDED)
        fresh = Path(scratch, archive.name)
        unpacked = _write_archive(fresh, content, _PYTHON.format(python=target.python))
        shutil.copyfile(code[SPARK.handler], script)
        fresh.replace(archive)
    facts = {"inputs": inputs, "python": target.python, "architecture": target.architecture, "unpacked_bytes": unpacked}
    description.write_text(json.dumps(facts, indent=2) + "\n")
    return archive, script


def spark_prefix(out: Path) -> str:
    """Where the environment and the script lie in the artifact bucket; named by the hash of both."""
    digest = hashlib.sha256()
    for name in (ENVIRONMENT, SCRIPT):
        digest.update((out / name).read_bytes())
    return f"spark/{digest.hexdigest()}"


def upload_spark(s3: S3Client, bucket: str, account: str, out: Path) -> dict[str, str]:
    """Upload what was built into `out`, if anything was, and return the template's parameter that follows from it."""
    if not (out / ENVIRONMENT).exists():
        return {}
    prefix = spark_prefix(out)
    for name in (ENVIRONMENT, SCRIPT):
        with (out / name).open("rb") as body:
            s3.put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=body, ExpectedBucketOwner=account)
    return {"SparkPackage": prefix}


def _write_archive(archive: Path, content: Mapping[str, Path], python: str) -> int:
    """Write the environment in the order of its names, with one time and owner; return its bytes unpacked."""
    unpacked = 0
    with (
        archive.open("wb") as file,
        gzip.GzipFile("", "wb", _COMPRESSION, file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        _add(tar, "bin/python", python.encode(), mode=0o755)
        for name, path in sorted(content.items()):
            data = path.read_bytes()
            unpacked += len(data)
            _add(tar, f"lib/{name}", data, mode=0o644)
    return unpacked


def _add(tar: tarfile.TarFile, name: str, data: bytes, *, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    tar.addfile(entry, io.BytesIO(data))


def main() -> None:
    """Build what Spark jobs run; prints its sizes and where in the artifact bucket it belongs."""
    description, _, _ = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(prog="python -m deploy.spark_package", description=description)
    parser.add_argument("--python", default=Target.python, help="Python version of the jobs (%(default)s)")
    parser.add_argument("--platform", help="platform as uv names it, such as x86_64-manylinux_2_28 (this machine)")
    parser.add_argument("--out", type=Path, default=OUT, help="folder to build into (dist)")
    chosen = parser.parse_args()
    if chosen.platform is None and chosen.python != Target.python:
        parser.error(f"--python {chosen.python} needs --platform, for this is Python {Target.python}")
    try:
        archive, _ = build_spark_package(chosen.out, Target(chosen.python, chosen.platform))
    except PackagingError as error:
        parser.exit(1, f"{error}\n")
    unpacked = json.loads((chosen.out / "spark.json").read_text())["unpacked_bytes"]
    place = archive.relative_to(ROOT) if archive.is_relative_to(ROOT) else archive
    sys.stdout.write(f"{place}  {archive.stat().st_size / 1e6:.1f} MB, unpacked {unpacked / 1e6:.1f} MB\n")
    sys.stdout.write(f"  {spark_prefix(chosen.out)}\n")


if __name__ == "__main__":
    main()
