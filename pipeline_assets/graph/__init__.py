"""The purchase graph: who owns a ticket, how it is written, and the questions it answers."""
