"""From receipts to the lineage in Dagster."""
