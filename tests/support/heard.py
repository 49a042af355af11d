"""Hears the notifications of a commit line that has no outbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from trading.domain.actions import Notify


class Heard:
    """Passes each notification on once: when its commit stands, or when it is told outside a commit."""

    def __init__(self, hear: Callable[[Notify], None]) -> None:
        self._hear = hear

    def committed(self, notes: Sequence[Notify]) -> None:
        for note in notes:
            self._hear(note)

    def uncommitted(self, notes: Sequence[Notify]) -> None:
        """They will be committed."""

    def tell(self, note: Notify) -> None:
        self._hear(note)
