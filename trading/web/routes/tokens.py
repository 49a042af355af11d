"""API tokens: made, listed and revoked by the owner. `tradebot token` does the same."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter

from trading.store import access as store
from trading.web.access import Identity, Scope, require
from trading.web.context import Context, Reader
from trading.web.filters import Id
from trading.web.keys import digest, new_token
from trading.web.models.session import MadeToken, NewToken, TokenView
from trading.web.problems import Problem

router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"])


@router.get("", dependencies=[require(Scope.ADMIN)])
def tokens(queries: Reader) -> list[TokenView]:
    """All tokens, by name."""
    return [TokenView.of(token) for token in store.list_tokens(queries.engine)]


@router.post("", status_code=HTTPStatus.CREATED)
async def create(identity: Annotated[Identity, require(Scope.ADMIN)], context: Context, wanted: NewToken) -> MadeToken:
    """Make a token. Its key is in this answer and nowhere else."""
    key, now_ms = new_token(), context.now_ms()
    token = await context.database.change(
        lambda engine: store.create_token(
            engine, name=wanted.name, hash_=digest(key), scope=wanted.scope, by=identity.by, now_ms=now_ms
        )
    )
    return MadeToken(**TokenView.of(token).model_dump(), token=key)


@router.delete("/{token_id}", status_code=HTTPStatus.NO_CONTENT, dependencies=[require(Scope.ADMIN)])
async def revoke(context: Context, token_id: Id) -> None:
    """End a token, at once."""
    token = await context.database.change(lambda engine: store.revoke_token(engine, token_id))
    if token is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no token {token_id}")
    context.tokens.forget(token)
