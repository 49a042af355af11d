"""Commands reach the bot once, also where it dies between reading and obeying; the bot's life shows in its row."""

from __future__ import annotations

import pytest

from tests.unit.store.store_helpers import ACCOUNT, T0, Place, batch, fill, open_journal, rows, run_sql, url_of
from trading.domain.events import Command, CommandKind
from trading.store.commands import QueuedCommand, finish_command, finish_interrupted, queue_command
from trading.store.database import open_database
from trading.store.errors import JournalError
from trading.store.journal import Journal
from trading.store.process import ProcessState, beat, write_process
from trading.store.queries import Queries


def queue(journal: Journal, command_id: str, kind: CommandKind = CommandKind.PAUSE) -> str:
    return queue_command(journal.engine, kind, by="owner", now_ms=T0, target="x", reason="y", command_id=command_id)


def ids(commands: list[Command]) -> list[str]:
    return [command.id for command in commands]


def test_a_command_comes_once_with_the_time_of_its_taking(journal: Journal) -> None:
    queue(journal, "a")
    assert journal.take_commands(T0 + 7) == [
        Command(time_ms=T0 + 7, id="a", kind=CommandKind.PAUSE, by="owner", target="x", reason="y")
    ]
    queue(journal, "b", CommandKind.STOP)
    assert ids(journal.take_commands(T0 + 8)) == ["b"]
    assert journal.take_commands(T0 + 9) == []


def test_it_counts_as_taken_when_its_event_is_committed(place: Place, journal: Journal) -> None:
    for name in ("a", "b"):
        queue(journal, name)
    first, second = journal.take_commands(T0 + 7)
    journal.commit(batch(events=[first], time_ms=T0 + 8))
    assert rows(place, "SELECT id, taken_ms FROM commands ORDER BY seq") == [("a", T0 + 8), ("b", None)]
    journal.close()
    again = open_journal(place)
    assert ids(again.take_commands(T0 + 9)) == [second.id]
    again.close()


def test_a_commit_that_fails_takes_none(place: Place, journal: Journal) -> None:
    queue(journal, "a")
    (command,) = journal.take_commands(T0)
    with pytest.raises(JournalError):
        journal.commit(batch(fill("t1", 1), fill("t1", 1), events=[command]))
    assert rows(place, "SELECT taken_ms FROM commands") == [(None,)]
    assert journal.take_commands(T0) == []
    journal.load()
    assert ids(journal.take_commands(T0)) == ["a"]


def test_the_same_id_again_is_the_same_command(place: Place, journal: Journal) -> None:
    assert queue(journal, "a") == "a"
    assert queue(journal, "a", CommandKind.KILL) == "a"
    assert rows(place, "SELECT id, kind FROM commands") == [("a", "pause")]
    made = queue_command(journal.engine, CommandKind.RESUME, by="owner", now_ms=T0)
    assert len(made) == 32
    assert made != queue_command(journal.engine, CommandKind.RESUME, by="owner", now_ms=T0)


def test_the_bot_s_answer_is_there_to_be_read(place: Place, journal: Journal) -> None:
    queue(journal, "a")
    finish_command(journal.engine, "a", "paused", T0 + 9)
    finish_command(journal.engine, "a", "paused twice", T0 + 10)
    queries = Queries.open(url_of(place))
    expected = QueuedCommand(
        seq=1,
        id="a",
        kind="pause",
        target="x",
        reason="y",
        by="owner",
        created_ms=T0,
        taken_ms=T0 + 9,
        done_ms=T0 + 9,
        result="paused",
    )
    assert queries.commands(command_id="a") == [expected]
    assert queries.commands(command_id="b") == []
    queries.close()
    assert journal.take_commands(T0) == []


def test_commands_that_a_dead_bot_took_are_answered(place: Place, journal: Journal) -> None:
    for name in ("a", "b", "c"):
        queue(journal, name)
    first, second, _ = journal.take_commands(T0)
    journal.commit(batch(events=[first, second]))
    finish_command(journal.engine, "a", "paused", T0 + 1)
    assert finish_interrupted(journal.engine, "the bot was restarted", T0 + 2) == 1
    found = rows(place, "SELECT id, done_ms, result FROM commands ORDER BY seq")
    assert found == [("a", T0 + 1, "paused"), ("b", T0 + 2, "the bot was restarted"), ("c", None, "")]


def test_a_command_of_another_version_is_answered_and_not_obeyed(place: Place, journal: Journal) -> None:
    queue(journal, "a")
    run_sql(place, "UPDATE commands SET kind = 'fly'")
    assert journal.take_commands(T0) == []
    ((result,),) = rows(place, "SELECT result FROM commands")
    assert str(result).startswith("refused: the bot does not know this command")


def test_a_command_can_be_left_while_no_bot_runs(place: Place) -> None:
    engine = open_database(url_of(place))
    queue_command(engine, CommandKind.CLOSE_ALL, by="owner", now_ms=T0, command_id="a")
    engine.dispose()
    journal = open_journal(place)
    assert ids(journal.take_commands(T0 + 1)) == ["a"]
    journal.close()


def test_the_process_row_shows_the_last_sign_of_life(place: Place, journal: Journal) -> None:
    queries = Queries.open(url_of(place))
    assert queries.status().process is None
    started = ProcessState(pid=7, host="here", version="1.0", started_ms=T0, beat_ms=T0, state="starting")
    write_process(journal.engine, started)
    beat(journal.engine, T0 + 1_000, "trading")
    journal.commit(batch(ACCOUNT))
    found = queries.status().process
    assert found == ProcessState(pid=7, host="here", version="1.0", started_ms=T0, beat_ms=T0 + 1_000, state="trading")
    write_process(journal.engine, started)
    assert queries.status().process == started
    queries.close()
