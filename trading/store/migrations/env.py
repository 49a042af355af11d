"""Alembic's entry: runs the migrations on the connection that `trading.store.migrate` hands over."""

from __future__ import annotations

from alembic import context

from trading.store.schema import meta

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=meta.metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
