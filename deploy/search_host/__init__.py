"""The search host of a deployment: what lies on the machine, its certificate and users, and their secrets."""
