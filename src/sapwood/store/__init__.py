"""The content-addressed store of weights: objects in packs and files of their own, whole or as deltas."""
