"""Benchmarks: what we claim of speed and size, measured against the alternative in the same run."""
