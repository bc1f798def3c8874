"""Lambda packages: one zip per function, holding its handler, the plain code that handler reaches, and locked wheels.

`make package` runs this module, `deploy.stack` uploads what it builds, and the local cloud runs the very same zips.

What goes in is found, not listed: the handler's imports are followed through this repository (by grimp), lazy ones too,
those under `if TYPE_CHECKING` not; a module brings along the folder of its own name. An import of anything the package
does not hold stops the build.

Third-party wheels come from `deploy/packages/<package>.txt`, locked with hashes. After a change of `uv.lock` or of a
`.in` file, `python -m deploy.packaging --lock` writes the locks again with the versions of `uv.lock`; a test compares
them.

A package is built for one Python and one platform: by default those of the interpreter that runs this module, which
runs the functions of the local cloud as well. For Lambda name them: `--python 3.12 --platform x86_64-manylinux_2_28`,
or `--python 3.11 --platform x86_64-manylinux2014`, since the python3.11 runtime has the older C library.

The same inputs give the same bytes: sorted entries, one timestamp, nothing compiled. (Compiled files would take 0.4 s
off a cold import of 0.8 s, but they differ from one Python to the next.)
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

import grimp

from pipeline_assets.errors import UserError
from pipeline_assets.flow_rows import FunctionPackage
from pipeline_assets.flows import packages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = Path(__file__).resolve().parents[1]
TOOLS: Final = ROOT / ".tools" / "bin"
LOCKS: Final = ROOT / "deploy" / "packages"
OUT: Final = ROOT / "dist"
#: What Lambda takes of a package, unpacked: 250 MB, of 1,048,576 bytes each.
MOST_BYTES: Final = 262_144_000
#: The quickest: a third of the time of zlib's own choice, for a tenth more bytes.
_COMPRESSION: Final = 1
#: The packages of this repository that a handler may reach.
FIRST_PARTY: Final = ("lambdas", "pipeline_assets")


class PackagingError(UserError):
    """A package that cannot be built; the message says what is missing and who wants it."""


@dataclass(frozen=True)
class Target:
    """What a package is built for: `python` as "3.12", `platform` as uv names it, or None for this very interpreter."""

    python: str = f"{sys.version_info.major}.{sys.version_info.minor}"
    platform: str | None = None

    @property
    def runtime(self) -> str:
        """Lambda's name of the Python, as in the template's parameter `Runtime`."""
        return f"python{self.python}"

    @property
    def architecture(self) -> str:
        """Lambda's name of the instruction set, as in the template's parameter `Architecture`."""
        machine = (self.platform or platform.machine()).lower()
        return "arm64" if machine.startswith(("aarch64", "arm64")) else "x86_64"


#: Parts of pyarrow that nothing here uses, 36 MB of 160: servers of frames, and C headers.
_UNUSED_OF_PYARROW: Final = ("libarrow_flight", "libarrow_python_flight", "_flight", "include")

PACKAGES: Final = packages()


def build_package(
    package: FunctionPackage, out: Path = OUT, target: Target | None = None, imports: grimp.ImportGraph | None = None
) -> Path:
    """Build one package as `<out>/<name>.zip`, described by `<name>.json` beside it; unchanged inputs build nothing.

    Raises `PackagingError` when the handler reaches something that the package would not hold, and when the package is
    too large for Lambda.
    """
    target = target or Target()
    archive, description = out / f"{package.name}.zip", out / f"{package.name}.json"
    imports = imports or import_graph()
    code = first_party_files(package, imports)
    inputs = digest_of_inputs(package, code, target)
    if archive.exists() and description.exists() and json.loads(description.read_text())["inputs"] == inputs:
        return archive
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        content = package_content(package, code, imports, target, wheels=Path(scratch, "wheels"))
        unpacked = sum(file.stat().st_size for file in content.values())
        if unpacked > MOST_BYTES:
            raise PackagingError(
                f"{package.name} has {unpacked:,} bytes unpacked for {target.runtime} on {target.architecture}; "
                f"Lambda takes at most {MOST_BYTES:,}"
            )
        fresh = Path(scratch, archive.name)
        _write_archive(fresh, content)
        facts = {
            "inputs": inputs,
            "runtime": target.runtime,
            "architecture": target.architecture,
            "unpacked_bytes": unpacked,
        }
        fresh.replace(archive)
    description.write_text(json.dumps(facts, indent=2) + "\n")
    return archive


def package_content(
    package: FunctionPackage,
    code: Mapping[str, Path],
    imports: grimp.ImportGraph,
    target: Target,
    *,
    wheels: Path,
    provided: frozenset[str] = frozenset(),
) -> dict[str, Path]:
    """Install the wheels of a package into the folder `wheels` and return all its files by their names in the package.

    Raises `PackagingError` when the code imports what neither the package holds nor is `provided` where it runs.
    """
    _install(package, target, wheels)
    _require_everything_imported(package, code, imports, wheels, provided)
    content = {name: wheels / name for name in _kept(wheels, package.services)}
    return content | {file.relative_to(ROOT).as_posix(): file for file in _with_data(code)}


def build_packages(out: Path = OUT, target: Target | None = None) -> dict[str, Path]:
    """Build every function's package into `out` and return the zips by package name."""
    imports = import_graph()
    return {package.name: build_package(package, out, target, imports) for package in PACKAGES}


def package_key(name: str, archive: Path) -> str:
    """Name a package in the artifact bucket by the hash of its content, so that new code never has an old key."""
    with archive.open("rb") as stream:
        return f"{name}/{hashlib.file_digest(stream, 'sha256').hexdigest()}.zip"


def write_locks(locks: Path = LOCKS) -> None:
    """Write the lock of each package, and of what Spark jobs run, from its `.in` file and the versions of `uv.lock`."""
    with tempfile.TemporaryDirectory() as scratch:
        versions = Path(scratch, "constraints.txt")
        _uv("export", "--frozen", "--all-groups", "--no-emit-project", "--no-hashes", "-o", str(versions))
        for wanted in sorted(LOCKS.glob("*.in")):
            lock = locks / f"{wanted.stem}.txt"
            form = ("--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate")
            _uv("pip", "compile", *form, "--constraints", str(versions), "-o", str(lock), str(wanted))


def import_graph() -> grimp.ImportGraph:
    """Who imports what in this repository when it runs; a module needs the packages that it is in as well."""
    graph = grimp.build_graph(
        *FIRST_PARTY, include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )
    for module in graph.modules:
        if (parent := module.rpartition(".")[0]) in graph.modules:
            graph.add_import(importer=module, imported=parent)
    return graph


def first_party_files(package: FunctionPackage, imports: grimp.ImportGraph) -> dict[str, Path]:
    """Find what a function needs of this repository: the file of each module that it reaches, in the order of names.

    Raises `PackagingError` when there is no such handler.
    """
    if package.handler not in imports.modules:
        raise PackagingError(f"no module {package.handler} in {ROOT}")
    found = {package.handler, *imports.find_upstream_modules(package.handler)}
    declarations = [name for name in found if package.declarations and fnmatch(name, package.declarations)]
    beside = {each for name in declarations for each in imports.find_children(name.rpartition(".")[0])}
    reached = sorted(found.union(beside, *map(imports.find_upstream_modules, beside)))
    return {name: _module_file(name) for name in reached if name.partition(".")[0] in FIRST_PARTY}


def _module_file(name: str) -> Path:
    path = ROOT.joinpath(*name.split("."))
    return file if (file := path.with_suffix(".py")).exists() else path / "__init__.py"


def _with_data(code: Mapping[str, Path]) -> list[Path]:
    """The files of modules and what they read beside themselves: the folder of its name, as `sql/` is of `sql.py`."""
    folders = (file.with_suffix("") for file in code.values() if file.name != "__init__.py")
    found = (file for folder in folders if folder.is_dir() for file in folder.rglob("*"))
    return [*code.values(), *sorted(file for file in found if file.is_file() and file.suffix != ".pyc")]


def _require_everything_imported(
    package: FunctionPackage,
    code: Mapping[str, Path],
    imports: grimp.ImportGraph,
    wheels: Path,
    provided: frozenset[str],
) -> None:
    found = {entry.name.partition(".")[0] for entry in wheels.iterdir()}
    held = found.union(FIRST_PARTY, sys.stdlib_module_names, provided)
    for module, file in code.items():
        absent = {name.partition(".")[0] for name in imports.find_modules_directly_imported_by(module)} - held
        if absent:
            wanted = ", ".join(sorted(absent))
            raise PackagingError(f"{package.name} does not hold {wanted}, which {file.relative_to(ROOT)} imports")


def digest_of_inputs(package: FunctionPackage, code: Mapping[str, Path], target: Target) -> str:
    """Digest of all that a package is made of: its lock, its code, what it is built for and this module."""
    facts = {**asdict(target), **asdict(package), "services": sorted(package.services)}
    if target.platform is None:
        facts["platform"] = sysconfig.get_platform()
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for file in (Path(__file__), LOCKS / f"{package.name}.txt", *_with_data(code)):
        content = file.read_bytes()
        digest.update(f"\0{file}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _install(package: FunctionPackage, target: Target, folder: Path) -> None:
    foreign = ("--python-version", target.python, "--python-platform", target.platform) if target.platform else ()
    locked = ("--no-deps", "--require-hashes", "--requirements", str(LOCKS / f"{package.name}.txt"))
    install = ("pip", "install", "--python", sys.executable, "--target", str(folder), "--only-binary", ":all:")
    try:
        # From uv's own cache first, so that a package can be built again without a network.
        _uv(*install, *foreign, *locked, "--offline")
    except PackagingError:
        shutil.rmtree(folder, ignore_errors=True)
        _uv(*install, *foreign, *locked)


def find_uv() -> str | None:
    """Find uv on the PATH or in `.tools`, where `make bootstrap` puts it."""
    return shutil.which("uv") or shutil.which("uv", path=TOOLS)


def _uv(*arguments: str) -> None:
    program = find_uv()
    if program is None:
        raise PackagingError("uv was not found on the PATH nor in .tools, where `make bootstrap` puts it")
    done = subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PackagingError(f"uv {' '.join(arguments[:2])} failed: {done.stderr.strip()}")


def _kept(wheels: Path, services: frozenset[str]) -> Iterator[str]:
    """Names of the installed files that go into the zip."""
    for file in wheels.rglob("*"):
        name = file.relative_to(wheels)
        if file.is_file() and _wanted(PurePosixPath(name.as_posix()), services):
            yield name.as_posix()


def _wanted(name: PurePosixPath, services: frozenset[str]) -> bool:
    top, *_ = name.parts
    if top.startswith(".") or top == "bin" or name.suffix in {".pyc", ".pyi", ".typed"} or "tests" in name.parts:
        return False
    if top == "pyarrow" and name.parts[1].startswith(_UNUSED_OF_PYARROW):
        return False
    if top.endswith(".dist-info"):
        return name.name == "METADATA" or name.name.upper().startswith(("LICEN", "NOTICE"))
    # Descriptions of hundreds of services, which are 26 of botocore's 30 MB; files that are not a service's stay.
    if name.parts[:2] in {("botocore", "data"), ("boto3", "data")} and len(name.parts) > 3:  # noqa: PLR2004
        return name.parts[2] in services
    return True


def _write_archive(archive: Path, content: dict[str, Path]) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, file in sorted(content.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, file.read_bytes(), compresslevel=_COMPRESSION)


def main() -> None:
    """Build every package, or with `--lock` write their locks; prints each zip, its sizes and its key in the bucket."""
    description, _, _ = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(prog="python -m deploy.packaging", description=description)
    parser.add_argument("--python", default=Target.python, help="Python version of the functions (%(default)s)")
    parser.add_argument("--platform", help="platform as uv names it, such as x86_64-manylinux_2_28 (this machine)")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the zips (dist)")
    parser.add_argument("--lock", action="store_true", help="write the locks in deploy/packages and build nothing")
    chosen = parser.parse_args()
    if chosen.lock:
        write_locks()
        return
    if chosen.platform is None and chosen.python != Target.python:
        parser.error(f"--python {chosen.python} needs --platform, for this is Python {Target.python}")
    try:
        built = build_packages(chosen.out, Target(chosen.python, chosen.platform))
    except PackagingError as error:
        parser.exit(1, f"{error}\n")
    for name, archive in built.items():
        unpacked = json.loads(archive.with_suffix(".json").read_text())["unpacked_bytes"]
        sys.stdout.write(f"{archive}  {archive.stat().st_size / 1e6:.1f} MB, unpacked {unpacked / 1e6:.1f} MB\n")
        sys.stdout.write(f"  {package_key(name, archive)}\n")


if __name__ == "__main__":
    main()
