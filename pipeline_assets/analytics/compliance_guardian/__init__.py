"""Compliance Guardian: the risk of payments with the reasons of each, and the alerts of each day."""
