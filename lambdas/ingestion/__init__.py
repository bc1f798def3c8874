"""The function behind the ticket queue."""
