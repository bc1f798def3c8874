"""Raw layer: extracts of the source database and files delivered to an inbox, without personal data."""
