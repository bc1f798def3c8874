"""What an operator does to any flow: see how far it is, list and replay what was rejected, announce what is unknown."""
