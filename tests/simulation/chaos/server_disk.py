"""Where the bot's database lies when it is on PostgreSQL: what a killed process leaves there is what it committed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from tests.simulation.chaos.bot import ChaosJournal, Disk
from tests.support.builders import BOT
from trading.store.columns import metadata
from trading.store.database import writing


class ServerDisk(Disk):
    """As `Disk`, on a database of a server.

    Args:
        url: of a database with nothing but our tables in it.
    """

    def __init__(self, url: str) -> None:
        self._folder = self._new_folder()
        self._path = self._folder_path / "bot.db"
        self.journal = ChaosJournal.open(url, BOT)
        self.journal.fail_where_told()
        with self.journal.engine.connect() as connection:
            self._first: dict[str, list[dict[str, Any]]] = {
                table.name: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
                for table in metadata.sorted_tables
            }

    def clear(self) -> None:
        """See `Disk`."""
        self.journal.life = None
        tables = ", ".join(table.name for table in metadata.sorted_tables)
        with writing(self.journal.engine) as connection:
            connection.execute(sa.text(f"TRUNCATE {tables} CASCADE"))
            for table in metadata.sorted_tables:
                if self._first[table.name]:
                    connection.execute(sa.insert(table), self._first[table.name])

    def close(self) -> None:
        """Let go of the database."""
        self.journal.close()
        self._folder.cleanup()

    def die(self) -> None:
        """Its connections break: what was not committed is not there."""
        self.journal.engine.dispose()

    def revive(self) -> None:
        """See `Disk`."""
        self.journal.life = None
