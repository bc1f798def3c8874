"""From raw objects to curated days."""
