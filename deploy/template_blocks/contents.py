"""Table of contents: every generated block of the cloud template."""

from __future__ import annotations

from typing import Final

from deploy.template_blocks.api_routes import functions_block, routes_block
from deploy.template_blocks.flow_groups import interface_block, outputs_block, parameters_block, resources_block
from deploy.template_blocks.lake_tables import purchases_block, tables_block
from deploy.template_blocks.marks import Block
from deploy.template_blocks.prod_sets import set_outputs_block, sets_block
from deploy.template_blocks.search_host import host_files_block

_REGISTRY: Final = "the registry of flows"
BLOCKS: Final = (
    Block("interface of flows", _REGISTRY, interface_block),
    Block("parameters of flows", _REGISTRY, parameters_block),
    Block("resources of flows", _REGISTRY, resources_block),
    Block("lake tables", "the specs of datasets", tables_block),
    Block("tables of purchases", "the tables and views of purchases", purchases_block),
    Block("prod sets", "the specs of prod sets", sets_block),
    Block("functions of the API", "the registry of flows", functions_block),
    Block("routes of the API", "its description", routes_block),
    Block("files of the search host", "deploy/search_host/host", host_files_block),
    Block("outputs of flows", _REGISTRY, outputs_block),
    Block("outputs of prod sets", "the specs of prod sets", set_outputs_block),
)
