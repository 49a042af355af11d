"""The answer to every request that failed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class FieldError(BaseModel):
    """One part of a request that is not usable."""

    field: str = Field(description="where it stands", examples=["query.limit"])
    message: str = Field(description="what is wrong, or what is allowed")
    input: str | None = Field(None, description="the value, shortened; left out where it may be a secret")


class ProblemDetails(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Service Unavailable"])
    status: int = Field(examples=[503])
    detail: str = Field(description="what happened and what to do", examples=["no database yet: no bot has run here"])
    code: str = Field(description="a stable word for programs", examples=["NO_DATABASE_YET"])
    request_id: str = Field(description="the same as in the log and in X-Request-ID")
    errors: list[FieldError] | None = Field(None, description="the unusable parts of the request")
