"""A second decoder of the patch format, in plain Python, after docs/SPEC.md: slow, short, readable.

It shares no code with sapwood. Where the two disagree, one of them or the specification is wrong.
"""
