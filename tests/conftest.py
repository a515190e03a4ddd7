"""Settings for every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A test's time depends on its neighbours (xdist, a busy machine) and a first call compiles, so a deadline per
# example would fail at random; what Hypothesis tries is the same from run to run, so a failure can be repeated.
settings.register_profile("mixad", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mixad")
