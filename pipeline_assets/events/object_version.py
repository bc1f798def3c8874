"""The former name of `pipeline_assets.events.sources`."""

from pipeline_assets.events.sources import ObjectVersion

__all__ = ["ObjectVersion"]
