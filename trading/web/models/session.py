"""Logging in and out."""

from __future__ import annotations

from pydantic import Field

from trading.web.models.base import Model, Time


class SessionView(Model):
    """Who is logged in."""

    name: str = Field(examples=["owner"])
    scope: str = Field(examples=["admin"])
    csrf_token: str | None = Field(description="to be sent as X-CSRF-Token; null for an API token, which needs none")
    ends_at: Time | None = Field(description="when the session ends at the latest; null for an API token")
