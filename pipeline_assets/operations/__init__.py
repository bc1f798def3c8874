"""What an operator does to any flow: list and replay what was rejected, announce what is unknown, see the backlog."""
