"""Sample data: a year of real grocery purchases, and a shop's database made of them."""
