"""The function that writes the market's files every minute."""
