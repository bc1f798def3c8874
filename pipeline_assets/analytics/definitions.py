"""What the prod sets are in Dagster."""

import dagster as dg

from pipeline_assets.analytics.assets import (
    CRAWLED,
    CRAWLERS,
    PROD,
    PROD_FIGURES,
    RESOURCE,
    STARTED_KEY,
    AnalyticsStoresResource,
    CrawlersResource,
    rejected,
    started,
)
from pipeline_assets.analytics.checks import PROD_CHECKS
from pipeline_assets.analytics.sensors import crawlers_watch, prod_requests
from pipeline_assets.analytics.stores import FLOW
from pipeline_assets.lineage.conservation import conservation_check
from pipeline_assets.lineage.partitions import load_days

STORE_FIGURES = PROD_FIGURES

defs = dg.Definitions(
    assets=[started, rejected, *PROD, *CRAWLED],
    asset_checks=[*PROD_CHECKS, conservation_check(STARTED_KEY, load_days, FLOW)],
    sensors=[crawlers_watch, prod_requests],
    resources={RESOURCE: AnalyticsStoresResource.of_environment(), CRAWLERS: CrawlersResource.of_environment()},
)
