"""Base and target to patch, and back: what a patch is, how it is made, checked and applied."""
