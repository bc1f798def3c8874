"""From complete loads of the curated lake to the five prod sets."""
