"""From raw to curated: every row judged, one row per key and day, what is rejected kept with its reason."""
