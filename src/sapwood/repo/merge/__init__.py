"""Merging tensors: three-way rule, strategies and their arithmetic. Pure data, no files."""
