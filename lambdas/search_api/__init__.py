"""Function behind the HTTP API that searches products and purchases of a tenant."""
