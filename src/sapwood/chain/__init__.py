"""Chains of patches: one file from the first version to the last, and what a fleet needs of them."""
