"""What the documentation points at exists, and what it tells people to type is a command."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from deploy.cli.main import app
from docs import costs, datasets, prod_tables, scale
from pipeline_assets.tickets.stores import TicketSettings
from tests.worlds.template_reading import of_type

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_to_files_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    missing = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_commands_it_names_are_there(page: Path) -> None:
    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    named = set(re.findall(r"(?:^|`|\$\()cesta ([a-z]+)\b", page.read_text(), re.MULTILINE))
    assert named <= known
    targets = set(re.findall(r"(?<!cesta )\bmake ([a-z]+)\b`?", "\n".join(re.findall(r"`[^`]+`", page.read_text()))))
    assert targets <= set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_page_of_datasets_says_what_the_specs_say() -> None:
    assert datasets.PAGE.read_text(encoding="utf-8") == datasets.page(), "write it again: python -m docs.datasets"


def test_the_page_of_the_prod_tables_says_what_their_specs_say() -> None:
    found = prod_tables.PAGE.read_text(encoding="utf-8")
    assert found == prod_tables.page(), "write it again: python -m docs.prod_tables"


def test_the_page_of_costs_says_what_its_prices_and_volumes_come_to() -> None:
    assert costs.PAGE.read_text(encoding="utf-8") == costs.page(), "write it again: python -m docs.costs"
    for kind, groups in costs.totals().items():
        together = re.findall(r"\*\*(\d+\.\d\d)\*\*", costs.page())[list(costs.totals()).index(kind)]
        assert abs(sum(groups.values()) - Decimal(together)) <= Decimal("0.005")
    (alarms,) = (line.amount for line in costs.LINES if line.price is costs.ALARM)
    assert abs(alarms - len(of_type("AWS::CloudWatch::Alarm"))) <= 10, "about as many as the template has"
    assert {line.price for line in (*costs.LINES, *(each for host in costs.SEARCH.values() for each in host))} == {
        *costs.PRICES
    }


def test_the_tables_of_the_page_about_scale_are_what_its_model_says() -> None:
    assert scale.PAGE.read_text(encoding="utf-8") == scale.page(), "write it again: python -m docs.scale"


def test_whoever_mends_on_a_deployment_is_told_every_variable_that_is_read() -> None:
    """One that is left out may have a default that is not the deployment's, such as the time at which a day begins."""
    read: set[str] = set()

    class Environment(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            read.add(name)
            return super().get(name, default)

    needed = ("NEO4J_URI", "NEO4J_PASSWORD", "TICKETS_QUEUE_URL", "QUARANTINE_BUCKET", "LEDGER_TABLE")
    known = dict.fromkeys(needed, "x")
    TicketSettings.from_environment(Environment(known))
    assert known.keys() < read
    told = (ROOT / "docs" / "guides" / "mend.md").read_text().partition("## On a deployment")[2]
    assert not [name for name in sorted(read) if f"`{name}`" not in told]
