"""What every function of a kind does with its event: parse, call one function of the flow, answer."""
