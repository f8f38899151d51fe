"""Hypothesis profiles: the same examples on every run, or many fresh ones with HYPOTHESIS_PROFILE=deep."""

import os

from hypothesis import HealthCheck, settings

# Shared two-core machines stall now and then: a slow example is no failure.
settings.register_profile("ci", derandomize=True, deadline=None, max_examples=50, database=None)
settings.register_profile(
    "deep", deadline=None, max_examples=5000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
