"""Purchases as a change history: the stream of their table into one JSON document per change."""
