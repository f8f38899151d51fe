"""``sapwood device``."""
