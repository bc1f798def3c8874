"""Who may ask for which tenant's data, and how often."""
