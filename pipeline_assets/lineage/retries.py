"""How a step is tried again: a store that does not answer may answer a little later.

Every asset and check that opens stores has this policy; an asset of days tries its days again by itself, by the same
policy (`pipeline_assets.lineage.run_days`). What trying again cannot change is raised as
`dagster.Failure(..., allow_retries=False)` by the asset that knows it.
"""

from typing import Final

import dagster as dg

#: Three further attempts, ten seconds apart.
RETRIES: Final = dg.RetryPolicy(max_retries=3, delay=10)
