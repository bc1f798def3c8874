"""What every prod set has in the cloud template, and the functions and roles that know all of them, by their specs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.template_blocks.flow_groups import Part
from deploy.template_blocks.lake_tables import table_id
from pipeline_assets.analytics.tables import PROD_CATALOGS, bucket_variable

if TYPE_CHECKING:
    from pipeline_assets.datasets.catalog import Catalog


def sets_block() -> str:
    """Buckets and crawlers of all sets, the function that makes them and those that ask them."""
    ids = [_logical(catalog) for catalog in PROD_CATALOGS]
    of_all = {
        "objects": "\n".join(f"                  - !Sub ${{{each}Bucket.Arn}}/*" for each in ids),
        "buckets": "\n".join(f"                  - !GetAtt {each}Bucket.Arn" for each in ids),
        "variables": "\n".join(
            f"          {bucket_variable(catalog.name)}: !Ref {_logical(catalog)}Bucket" for catalog in PROD_CATALOGS
        ),
    }
    functions = (
        Part.read(name).substitute(of_all) for name in ("prod_function", "query_function", "analytics_function")
    )
    return "".join(("\n", *(Part.read("prod_set").substitute(_fields(each)) for each in PROD_CATALOGS), *functions))


def set_outputs_block() -> str:
    """Outputs of all sets."""
    return "".join(Part.read("prod_outputs").substitute(_fields(catalog)) for catalog in PROD_CATALOGS)


def _fields(catalog: Catalog) -> dict[str, str]:
    return {
        "set": catalog.name,
        "Set": _logical(catalog),
        "title": catalog.name.replace("-", " ").title(),
        "table_ids": ", ".join(f"!Ref {table_id(table.name)}" for table in catalog),
    }


def _logical(catalog: Catalog) -> str:
    return catalog.name.title().replace("-", "")
