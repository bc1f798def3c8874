"""Search: products and purchases of each tenant in indexes of their own, and the questions to them."""
