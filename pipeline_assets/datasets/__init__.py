"""What each dataset is: columns, keys and rules, said once."""
