"""What reports are in Dagster: the function behind the HTTP API that gives them, and what it reads."""

import dagster as dg

from pipeline_assets.compras.ingest import DOCUMENTS
from pipeline_assets.datasets.compras import COMPRAS
from pipeline_assets.queries import sql

_ASKED = [dg.AssetKey(["sql", each.name]) for each in sql.queries()]

defs = dg.Definitions(
    assets=[
        dg.AssetSpec(
            dg.AssetKey(["api", "analytics"]),
            deps=[
                dg.AssetKey.from_user_string(DOCUMENTS),
                *_ASKED,
            ],
            group_name="api",
            kinds={"aws", "lambda"},
            owners=[COMPRAS.owner],
            description="The function analytics-api, which answers GET /analytics/{tenant_id} and reports of the HTTP "
            "API from the documents of the tenant's purchases, and asks the named queries for whoever may.",
        )
    ]
)
