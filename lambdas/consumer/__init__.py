"""ConsumerLambda: price files into the table."""
