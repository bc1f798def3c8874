"""CSV ingestion: files in S3 that a queue announces, read row by row, their bad rows quarantined."""
