"""The local cloud: the same template, functions and Dagster code as in production, as processes of one machine."""
