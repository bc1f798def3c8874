"""Everything Dagster is told: what the rooms define, merged, and the policies that hold for all assets.

Loading this opens nothing; of the environment it reads the days of the deployment, which may all be absent. The rooms
come in as modules, since Dagster takes a module that holds more than one `Definitions` for a mistake.
"""

import dagster as dg

from pipeline_assets.curation import definitions as curation
from pipeline_assets.flows import FLOWS
from pipeline_assets.lineage.definitions import bridged
from pipeline_assets.lineage.policies import with_policies
from pipeline_assets.raw import definitions as raw
from pipeline_assets.stocks import definitions as stocks
from pipeline_assets.tickets import definitions as tickets

defs = dg.Definitions.merge(
    tickets.defs,
    stocks.defs,
    raw.defs,
    curation.defs,
    bridged(FLOWS, (*tickets.STORE_FIGURES, *curation.STORE_FIGURES)),
).permissive_map_resolved_asset_specs(with_policies, selection=None)
