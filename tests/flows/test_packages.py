"""What is in a function's package: all that its handler needs, nothing else, and always the same bytes."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from deploy import packaging
from deploy.packaging import LOCKS, PACKAGES, ROOT, PackagingError, Target, build_package, package_key
from pipeline_assets.flow_rows import FunctionPackage as Package
from tests.worlds.examples import some
from tests.worlds.stack import built_packages

#: Heavy libraries that no ingest function may carry: frames and models belong to functions and assets of their own.
HEAVY = ("dagster", "polars", "pandas", "pyarrow", "sklearn", "scipy", "numpy", "duckdb")
#: The functions that work on frames, and the one library that they may do it with.
FRAMES = {package.name: list(package.frames) for package in PACKAGES if package.frames}
#: Of the processor, not of the clock, which counts other work on the machine; measured 0.9 s and 800 modules.
MOST_SECONDS, MOST_MODULES = 4.0, 820

IMPORT = """
import importlib, json, sys, time
folder, handler, heavy = sys.argv[1], sys.argv[2], sys.argv[3].split(",")
sys.path.insert(0, folder)
sys.dont_write_bytecode = True
began = time.process_time()
module = importlib.import_module(handler)
seconds = time.process_time() - began
files = [found.__file__ for found in list(sys.modules.values()) if getattr(found, "__file__", None)]
found = [name for name in heavy if importlib.util.find_spec(name)]
print(json.dumps({"seconds": seconds, "files": files, "heavy": found, "callable": callable(module.lambda_handler)}))
"""


@pytest.fixture(scope="module")
def built() -> dict[str, Path]:
    return built_packages()


@pytest.fixture(scope="module")
def all_unpacked(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = {name: tmp_path_factory.mktemp(name) for name in built}
    for name, archive in built.items():
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(found[name])
    return found


@pytest.fixture
def unpacked(all_unpacked: dict[str, Path], package: Package) -> Path:
    """The package as it is on the disk of its function; nobody writes there."""
    return all_unpacked[package.name]


def versions(lines: str) -> dict[str, str]:
    pinned = (line.split()[0].split("==") for line in lines.splitlines() if "==" in line)
    return dict(pinned)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
class TestPackage:
    def test_its_handler_needs_nothing_else(self, package: Package, unpacked: Path) -> None:
        """A bare interpreter, the standard library and the package: no environment, no site-packages, no repository."""
        command = [sys.executable, "-I", "-S", "-c", IMPORT, str(unpacked), package.handler, ",".join(HEAVY)]
        done = subprocess.run(command, cwd=unpacked, env={}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        seen = json.loads(done.stdout)
        strangers = [f for f in seen["files"] if not f.startswith((str(unpacked), sys.base_prefix))]
        sys.stdout.write(f"{package.name}: imported in {seen['seconds']:.2f} s, {len(seen['files'])} modules\n")
        assert seen["callable"]
        assert (strangers, sorted(seen["heavy"])) == ([], FRAMES.get(package.name, []))
        assert seen["seconds"] < MOST_SECONDS
        assert len(seen["files"]) < MOST_MODULES

    def test_it_fits_into_lambda(self, package: Package, unpacked: Path) -> None:
        size = sum(file.stat().st_size for file in unpacked.rglob("*") if file.is_file())
        sys.stdout.write(f"{package.name}: {size / 1e6:.1f} MB unpacked\n")
        assert size <= packaging.MOST_BYTES == 250 << 20

    def test_it_holds_no_test_no_script_and_nothing_compiled_by_us(self, package: Package, unpacked: Path) -> None:
        files = [file.relative_to(unpacked) for file in unpacked.rglob("*") if file.is_file()]
        assert not [f for f in files if f.suffix == ".pyc" or f.parts[0] == "bin" or "tests" in f.parts]
        assert not [f for f in files if f.name in {"assets.py", "sensors.py", "checks.py", "definitions.py"}]
        assert package.handler.replace(".", "/") + ".py" in {f.as_posix() for f in files}

    def test_it_knows_the_services_that_its_code_calls(self, package: Package, unpacked: Path) -> None:
        clients = {
            line.partition('.client("')[2].partition('"')[0]
            for folder in packaging.FIRST_PARTY
            for file in (unpacked / folder).rglob("*.py")
            for line in file.read_text().splitlines()
            if '.client("' in line
        }
        assert clients == package.services

    def test_it_is_not_built_again_for_nothing(self, package: Package, built: dict[str, Path]) -> None:
        archive = built[package.name]
        before = archive.stat()
        assert build_package(package, archive.parent) == archive
        assert archive.stat().st_mtime_ns == before.st_mtime_ns

    def test_its_lock_has_the_versions_of_the_project(self, package: Package) -> None:
        project = {p["name"]: p for p in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
        locked = versions((LOCKS / f"{package.name}.txt").read_text())
        assert locked == {name: project[name]["version"] for name in locked}, "run `python -m deploy.packaging --lock`"
        wanted = [line for line in (LOCKS / f"{package.name}.in").read_text().split("\n") if line[:1].isalpha()]
        needed = {need["name"] for name in locked for need in project[name].get("dependencies", [])}
        assert needed.union(wanted) == set(locked), "run `python -m deploy.packaging --lock`"


@pytest.mark.parametrize("package", some(PACKAGES), ids=lambda package: package.name)
def test_the_same_code_gives_the_same_bytes(package: Package, built: dict[str, Path], tmp_path: Path) -> None:
    again = build_package(package, tmp_path)
    assert again.read_bytes() == built[package.name].read_bytes()
    assert package_key(package.name, again) == package_key(package.name, built[package.name])


class TestWhatIsFound:
    @pytest.fixture
    def repository(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A repository with one function, which greets by way of a lazy import."""
        monkeypatch.setattr(packaging, "ROOT", tmp_path)
        monkeypatch.setattr(packaging, "LOCKS", tmp_path)
        monkeypatch.syspath_prepend(tmp_path)
        for name in packaging.FIRST_PARTY:
            monkeypatch.delitem(sys.modules, name, raising=False)
        (tmp_path / "greeter.txt").write_text("")
        self.write(tmp_path, "lambdas/__init__.py", "")
        self.write(tmp_path, "lambdas/greeter.py", "def lambda_handler(*_):\n    from pipeline_assets import words\n")
        self.write(tmp_path, "pipeline_assets/__init__.py", "")
        self.write(tmp_path, "pipeline_assets/words.py", "from .nouns import *\n")
        self.write(tmp_path, "pipeline_assets/nouns.py", "import json\n")
        self.write(tmp_path, "pipeline_assets/assets.py", "import dagster\n")
        return tmp_path

    @staticmethod
    def write(folder: Path, name: str, content: str) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)

    @staticmethod
    def build(folder: Path) -> set[str]:
        greeter = Package("greeter", "lambdas.greeter", frozenset())
        with zipfile.ZipFile(build_package(greeter, folder / "dist")) as archive:
            return set(archive.namelist())

    def test_imports_are_followed_lazy_and_relative_ones_too(self, repository: Path) -> None:
        assert self.build(repository) == {
            "lambdas/__init__.py",
            "lambdas/greeter.py",
            "pipeline_assets/__init__.py",
            "pipeline_assets/nouns.py",
            "pipeline_assets/words.py",
        }

    def test_what_only_the_type_checker_imports_stays_out(self, repository: Path) -> None:
        only_types = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pipeline_assets import assets\n"
        self.write(repository, "pipeline_assets/nouns.py", only_types)
        assert "pipeline_assets/assets.py" not in self.build(repository)

    def test_an_import_of_what_the_package_does_not_hold_stops_the_build(self, repository: Path) -> None:
        self.write(repository, "pipeline_assets/nouns.py", "def frame():\n    import polars\n")
        with pytest.raises(
            PackagingError, match=r"greeter does not hold polars, which pipeline_assets/nouns\.py imports"
        ):
            self.build(repository)

    def test_what_lambda_would_not_take_is_not_built(self, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(packaging, "MOST_BYTES", 20)
        with pytest.raises(PackagingError, match=r"greeter has [\d,]+ bytes unpacked for python3.* at most 20"):
            self.build(repository)
        assert not (repository / "dist" / "greeter.zip").exists()

    def test_a_module_brings_the_folder_of_its_own_name(self, repository: Path) -> None:
        before = self.build(repository)
        self.write(repository, "pipeline_assets/nouns/list.txt", "house")
        self.write(repository, "pipeline_assets/verbs/list.txt", "go")
        assert self.build(repository) - before == {"pipeline_assets/nouns/list.txt"}
        first = package_key("greeter", repository / "dist" / "greeter.zip")
        self.write(repository, "pipeline_assets/nouns/list.txt", "garden")
        self.build(repository)
        assert package_key("greeter", repository / "dist" / "greeter.zip") != first

    def test_new_code_is_a_new_package_and_other_code_is_not(self, repository: Path) -> None:
        self.build(repository)
        archive = repository / "dist" / "greeter.zip"
        first = package_key("greeter", archive)
        self.write(repository, "pipeline_assets/assets.py", "import dagster as d\n")
        self.build(repository)
        assert package_key("greeter", archive) == first
        self.write(repository, "pipeline_assets/words.py", "from .nouns import json\n")
        self.build(repository)
        assert package_key("greeter", archive) != first


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("binaryornot/check.py", True),
        ("bincode.py", True),
        ("bin_packing/core.so", True),
        ("bin/aws", False),
        ("bin/sub/tool.py", False),
        ("package/bin/tool.py", True),
        (".lock", False),
        ("pyarrow/libarrow.so.2600", True),
        ("pyarrow/libarrow_flight.so.2600", False),
        ("pyarrow/include/arrow/api.h", False),
    ],
)
def test_scripts_stay_out_and_packages_of_like_names_do_not(name: str, *, kept: bool, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("")
    assert list(packaging._kept(tmp_path, frozenset())) == ([name] if kept else [])  # noqa: SLF001


@pytest.mark.parametrize(
    ("target", "runtime", "architecture"),
    [
        pytest.param(Target("3.12", "x86_64-manylinux_2_28"), "python3.12", "x86_64", id="intel"),
        pytest.param(Target("3.13", "aarch64-manylinux_2_28"), "python3.13", "arm64", id="graviton"),
    ],
)
def test_a_target_says_what_lambda_calls_it(target: Target, runtime: str, architecture: str) -> None:
    assert (target.runtime, target.architecture) == (runtime, architecture)
