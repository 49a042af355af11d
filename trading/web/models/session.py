"""Logging in and out, and API tokens."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from trading.store.access import Token
from trading.web.keys import NAME
from trading.web.models.base import Model, Time, maybe_moment, moment
from trading.web.models.trading import ID_EXAMPLE
from trading.web.passwords import LENGTH_MAX


class Login(BaseModel):
    """What a login needs."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    password: SecretStr = Field(min_length=1, max_length=LENGTH_MAX, examples=["correct horse battery staple"])


class SessionView(Model):
    """Who is logged in."""

    name: str = Field(examples=["owner"])
    scope: str = Field(examples=["admin"])
    csrf_token: str | None = Field(description="to be sent as X-CSRF-Token; null for an API token, which needs none")
    ends_at: Time | None = Field(description="when the session ends at the latest; null for an API token")


class NewToken(BaseModel):
    """What a new API token is to be."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=f"^{NAME}$", examples=["grafana"])
    scope: Literal["read", "trade", "admin"] = Field(examples=["read"])


class TokenView(Model):
    """An API token, without its key."""

    id: str = Field(examples=[ID_EXAMPLE])
    name: str = Field(examples=["grafana"])
    scope: str = Field(examples=["read"])
    created_at: Time
    created_by: str = Field(examples=["owner (dashboard)"])
    used_at: Time | None = Field(description="to about a minute; null if it was never used")

    @classmethod
    def of(cls, token: Token) -> TokenView:
        """The token."""
        return cls(
            id=token.id,
            name=token.name,
            scope=token.scope,
            created_at=moment(token.created_ms),
            created_by=token.created_by,
            used_at=maybe_moment(token.used_ms),
        )


class MadeToken(TokenView):
    """A token that was just made, with its key, which nobody will be shown again."""

    token: str = Field(examples=["tb_…"])
