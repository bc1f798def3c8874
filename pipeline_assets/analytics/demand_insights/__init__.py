"""Demand Insights Engine: segments of customers, what they will be worth, and who will leave."""
