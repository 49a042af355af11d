"""The disks that simulated bots die on, where it is not the one in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.chaos.server_disk import ServerDisk
from tests.support.postgres import PostgresServer


@pytest.fixture
def server_disk(postgres: PostgresServer) -> Iterator[ServerDisk]:
    """A database on PostgreSQL."""
    disk = ServerDisk(postgres.create_made_database())
    yield disk
    disk.close()
