"""What others need to know of the demo market without loading it."""

from __future__ import annotations

DEMO_LABEL = "DEMO MARKET - made-up prices, not real"
"""Shown wherever the demo market's prices are: log, command line, page."""

DEMO_START_MS = 1_735_689_600_000
"""2025-01-01 UTC, where the demo's clock begins when nothing has been traded yet."""

SEED_MAX = 2**63 - 1
"""The largest seed; the smallest is 0."""
