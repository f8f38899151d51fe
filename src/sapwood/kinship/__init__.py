"""What a model is and whom it comes from: exact digests, and a sketch that finds kin among thousands."""
