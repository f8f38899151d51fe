"""The commands below ``sapwood fingerprint``."""
