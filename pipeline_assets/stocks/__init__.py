"""The stock feed: a synthetic market, the files it writes every minute, and the rules that price files obey."""
