"""The commands below ``sapwood git``."""
