"""What all flows of files share: CSV files in S3 that a queue announces, read row by row, the bad rows kept aside."""
