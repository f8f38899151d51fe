"""Many models at once, on many machines, into one remote."""
