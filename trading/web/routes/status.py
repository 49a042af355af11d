"""The overview, the settings in force, the trained models."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter

from trading.config import Settings
from trading.store.bot_lock import bot_holder
from trading.web.access import Scope, require
from trading.web.context import Context, Reader
from trading.web.models.base import maybe_moment
from trading.web.models.operations import ModelsView, ModelView, SettingsView, SettingView
from trading.web.models.status import StatusView
from trading.web.problems import Problem
from trading.web.standing import status_view

router = APIRouter(prefix="/api/v1", tags=["status"], dependencies=[require(Scope.READ)])

OWN_SETTINGS = ("DASHBOARD_", "HEALTH_", "LOG_", "DATA_DIR", "MODEL_DIR", "DATABASE_URL", "KILL_SWITCH_SECRET")
REGISTRY = "registry"


@router.get("/status")
def status(context: Context, queries: Reader) -> StatusView:
    """How everything stands: bot, money, safety, and what the bot is waiting for."""
    return status_view(queries, bot_holder(queries.engine), context.now_ms(), context.settings.data_dir)


@router.get("/settings")
def settings(context: Context, queries: Reader) -> SettingsView:
    """The settings in force, secrets masked: the bot's as it put them down at its start, and this server's own."""
    facts = queries.status().facts
    return SettingsView(
        recorded_at=maybe_moment(facts.recorded_ms if facts else None),
        bot=[SettingView.of(line) for line in facts.settings] if facts else [],
        dashboard=own_settings(context.settings),
        notes=list(facts.notes) if facts else [],
    )


@router.get("/models")
def models(context: Context, queries: Reader) -> ModelsView:
    """The trained models that are there, and those that the bot needs (none in this version)."""
    facts = queries.status().facts
    required = facts.required_models if facts else ()
    registry = context.settings.model_dir / REGISTRY
    try:
        present = {path.name for path in registry.iterdir() if path.is_dir()} if registry.is_dir() else set()
    except OSError as error:
        detail = f"the models in {registry} cannot be looked at ({error.strerror})"
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, code="MODELS_UNREADABLE") from error
    return ModelsView(
        registry=str(registry),
        required=list(required),
        items=[
            ModelView(name=name, path=str(registry / name), required=name in required, present=name in present)
            for name in sorted(present | set(required))
        ],
    )


def own_settings(settings: Settings) -> list[SettingView]:
    """What is in force in this process, of the settings that concern it."""
    return [SettingView.of(line) for line in settings.describe() if line.name.startswith(OWN_SETTINGS)]
