"""Training that commits while it runs: checkpoints of a run, kept, dropped and resumed exactly."""
