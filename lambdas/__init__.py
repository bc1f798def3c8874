"""Thin event handlers: parse the event, call one function of pipeline_assets, answer."""
