"""Model files as layouts: every byte named as a tensor or as glue, and nothing executed or re-serialised."""
