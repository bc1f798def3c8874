"""The `cesta` command."""
