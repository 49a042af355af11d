"""Looks at the database for the hub: how often at which part of it, and what if it is not there."""

from __future__ import annotations

import time
from collections.abc import Callable

import sqlalchemy as sa
import structlog

from trading.domain.actions import Level
from trading.store.database import reading
from trading.store.errors import StoreError
from trading.store.following import Changes, FellBehind, Follower
from trading.web.database import Database
from trading.web.stream.board import Draft, Kind
from trading.web.stream.compose import Composer
from trading.web.stream.hub import Look
from trading.web.stream.vitals import Vitals

log = structlog.get_logger(__name__)

SERIES_SECONDS = 0.25
VITALS_SECONDS = 1.0
URGENT_EVENTS = frozenset({"KillLatched", "KillEffective", "KillReset", "Command"})


class Tail:
    """Follows one database, whatever becomes of it: not there yet, locked, another in its place.

    Args:
        database: to look at.
        vitals: what is told beside what is read here.
        monotonic: seconds that never run backwards.
    """

    def __init__(self, database: Database, vitals: Vitals, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._vitals = vitals
        self._monotonic = monotonic
        self._follower: Follower | None = None
        self._composer = Composer()
        self._series_due = 0.0
        self._vitals_due = 0.0
        self._is_failing = False
        self._is_urgent = False
        self._held: list[Draft] = []

    def look(self) -> Look:
        """What is new. A database that cannot be read is told by health, and looked at again later."""
        try:
            with self._database.reading() as queries, reading(queries.engine) as connection:
                look = self._look_at(connection)
        except StoreError as error:
            if not self._is_failing:
                log.warning("stream.database_unavailable", error=str(error))
            self._is_failing = True
            return Look(self._vitals.changed(), failed=True)
        except Exception:
            # What was read may not have been told: only beginning anew is sure to miss nothing.
            self._follower = None
            raise
        if self._is_failing:
            log.info("stream.database_back")
            self._is_failing = False
            self._vitals_due = 0.0
        if look.renews:
            return Look([*look.drafts, *self._vitals.all()], renews=True)
        if self._monotonic() >= self._vitals_due:
            self._vitals_due = self._monotonic() + VITALS_SECONDS
            look.drafts.extend(self._vitals.changed())
        elif self._is_urgent:
            look.drafts.extend(self._vitals.changed([Kind.HEALTH, Kind.SAFETY]))
        self._is_urgent = False
        return look

    def _look_at(self, connection: sa.Connection) -> Look:
        if self._follower is not None:
            try:
                self._read_news(self._follower, connection)
            except FellBehind as reason:
                log.info("stream.begun_anew", reason=str(reason))
            else:
                news, self._held = self._held, []
                return Look(news)
        self._held = []
        self._follower, present = Follower.begin(connection)
        return Look(self._composer.present(present), renews=True)

    def _read_news(self, follower: Follower, connection: sa.Connection) -> None:
        """Hold what is new. What was read before a failure is told with the next look: it is read only once."""
        changes = follower.changes(connection)
        if changes is not None:
            self._held += self._composer.changes(changes)
            self._is_urgent = self._is_urgent or _concerns_safety(changes)
        if self._monotonic() >= self._series_due:
            self._series_due = self._monotonic() + SERIES_SECONDS
            self._held += self._composer.series(follower.series(connection))


def _concerns_safety(changes: Changes) -> bool:
    """Whether something has happened that a person wants to see in the safety state at once."""
    is_commanded = any(event.type in URGENT_EVENTS for event in changes.events)
    return is_commanded or any(alert.level is not Level.INFO for alert in changes.alerts)
