"""Prod sets: what is worked out of the curated lake as of a day, each set with its models and their naive baselines."""
