"""A client that a generator makes of the API's description asks the deployed API, and reads what it answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.local.issuer import mint_token
from deploy.local.processes import direct_addresses
from deploy.packaging import find_uv
from lambdas._runtime.api_description import FILE
from pipeline_assets.access.registry import TenantRegistry
from pipeline_assets.access.tenants import Tenant
from pipeline_assets.events.tenants import tenant_id
from tests.worlds.api import api_of
from tests.worlds.search import product
from tests.worlds.stack import RunningStack
from tests.worlds.waiting import until

pytestmark = pytest.mark.any_engine
#: In an environment of its own: what it needs is not what the project needs.
GENERATOR = "openapi-python-client==0.29.1"
REQUIRED = "CESTA_REQUIRE_CLIENT_GENERATOR"
TENANT = "generated"
PROGRAM = Path(__file__).parents[1] / "worlds" / "generated_client.py"


def isolated(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command where the generator is installed, and nothing of the project."""
    uv = find_uv()
    assert uv, "no uv: `make bootstrap` makes one"
    where = ["run", "--quiet", "--no-project", "--isolated", "--python", sys.executable, "--with", GENERATOR]
    return subprocess.run(
        [uv, *where, *command],
        cwd=folder,
        env={**os.environ, **direct_addresses(), **variables},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the generated client; skipped where the generator cannot be had, unless `REQUIRED` is set."""
    folder = tmp_path_factory.mktemp("client")
    there = isolated(folder, "openapi-python-client", "--version")
    if there.returncode and not os.environ.get(REQUIRED):
        pytest.skip(f"no client is generated: {GENERATOR} cannot be installed: {there.stderr.strip()[-500:]}")
    assert there.returncode == 0, there.stderr
    # What it would put in order afterwards is read by nobody.
    (folder / "settings.yaml").write_text("post_hooks: []\n")
    options = ["--config", "settings.yaml", "--meta", "none", "--output-path", "shop", "--fail-on-warning"]
    made = isolated(folder, "openapi-python-client", "generate", "--path", str(FILE), *options)
    assert made.returncode == 0, f"the generator does not take the description: {made.stdout}{made.stderr}"
    return folder


def test_a_generated_client_finds_a_product_and_reads_why_it_is_refused(cloud: RunningStack, client: Path) -> None:
    tables, api = cloud.outputs["tables"], api_of(cloud)
    TenantRegistry(cloud.access.dynamodb, tables["tenants"]).put(Tenant(tenant_id(TENANT), TENANT))
    item = product("L1", TENANT, nombre="Lápiz rojo", precio="1.25")
    cloud.access.dynamodb.put_item(TableName=tables["products"], Item=item)
    token = mint_token(cloud.instance, TENANT, 600)
    path = f"/search/{TENANT}/products?q=lapiz"
    until(lambda: api.ask("GET", path, token).document().get("total") == 1)
    asked = isolated(client, "python", str(PROGRAM), SHOP_API=api.address, SHOP_TOKEN=token, SHOP_TENANT=TENANT)
    assert asked.returncode == 0, asked.stderr
    told: dict[str, Any] = json.loads(asked.stdout)
    assert told["found"] == {
        "status": 200,
        "type": "Found",
        "total": 1,
        "items": [{"id": "L1", "kind": "products", "nombre": "Lápiz rojo"}],
    }
    assert (told["refused"]["status"], told["refused"]["type"]) == (400, "Problem")
    assert told["refused"]["detail"] == api.ask("GET", f"{path}&page=none", token).document()["detail"]
