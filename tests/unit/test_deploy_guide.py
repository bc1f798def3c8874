"""Whoever follows the guide to AWS is told every parameter of the template, and gives those that have no default."""

import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode.cfn_yaml import load  # type: ignore[import-untyped]

from deploy.packaging import PACKAGES
from pipeline_assets.flow_rows import FunctionPackage as Package

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guides" / "deploy.md").read_text()
PARAMETERS: dict[str, dict[str, Any]] = load(str(ROOT / "deploy" / "template.yaml"))["Parameters"]
(COMMAND,) = re.findall(r"^aws cloudformation deploy (?:.*\\\n)+.*$", GUIDE, re.MULTILINE)
GIVEN = dict(re.findall(r"\b(\w+)=(\$\([^)]*\)|\S+)", COMMAND))


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_is_in_the_table(name: str) -> None:
    assert re.search(rf"^\|[^|]*`{name}`[^|]*\|", GUIDE, re.MULTILINE)


def test_the_command_gives_what_has_no_default_and_nothing_unknown() -> None:
    required = {name for name, parameter in PARAMETERS.items() if "Default" not in parameter}
    assert required <= GIVEN.keys() <= PARAMETERS.keys()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_the_command_names_the_key_of_every_package(package: Package) -> None:
    parameter = package.name.title().replace("-", "") + "Package"
    assert GIVEN[parameter] == f"$(key {package.name})"
