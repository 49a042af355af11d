"""How many cases a slow property test tries."""

from __future__ import annotations

from hypothesis import settings


def share(of_profile: float) -> settings:
    """Settings with this share of the profile's examples: few in every run, many in a soak."""
    return settings(max_examples=max(1, round(settings().max_examples * of_profile)))
