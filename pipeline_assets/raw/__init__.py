"""From the source database, and from files that others deliver, to raw objects without personal data."""
