"""Global Market Pulse: how regions grow and why, what they buy more of than all, and what could be sold there."""
