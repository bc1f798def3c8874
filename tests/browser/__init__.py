"""The way of a person: the pages of Dagster in a real browser, and the command beside them."""
