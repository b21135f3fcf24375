"""Hypothesis, quick and without a clock; a longer search is a matter of one variable."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "laws",
    max_examples=int(os.environ.get("RESAYIL_EXAMPLES", "60")),
    deadline=None,
    derandomize="RESAYIL_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("laws")
