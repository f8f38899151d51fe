"""Devices: what their flash is like, how an update runs on them, and what power cuts do to it."""
