"""Questions of a tenant about its purchases, compiled into SQL: a summary of a period, and reports of any shape."""
