"""What Cesta's data is and how it is made: plain code, with Dagster definitions on top of it."""

__version__ = "0.1.0"
