"""The learned coder beside others, on a corpus of one's own."""
