"""From foreign files to raw objects without personal data."""
