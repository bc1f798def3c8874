"""Function behind the HTTP API that reports on the purchases of a tenant, and answers named queries."""
