"""Retail Copilot: what people ask, what finds nothing, what they ask next, and how long it takes."""
