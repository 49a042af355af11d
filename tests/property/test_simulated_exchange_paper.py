"""The paper exchange's file against memory: closed or killed anywhere, it goes on as if nothing had happened."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.exchange_scripts import BALANCES, INSTRUMENTS, Script, new_exchange, play, scripts
from trading.exchange.paper import PaperBook

# Every change waits for the disk: half as many cases as elsewhere.
EXAMPLES = settings(max_examples=settings.default.max_examples // 2)


@EXAMPLES
@given(script=scripts(), ends=st.lists(st.tuples(st.integers(0, 31), st.booleans()), max_size=4))
def test_restarts_anywhere_change_nothing(script: Script, ends: list[tuple[int, bool]]) -> None:
    """Same answers and same state as an exchange in memory; after a kill the candles so far are brought again."""
    plan = dict(ends)
    memory = new_exchange(script)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "paper-0.db"
        book = PaperBook(path, INSTRUMENTS, BALANCES, script.costs, script.fill_at)
        try:
            for number, step in enumerate(script.steps):
                assert play(book, step) == play(memory, step)
                if number in plan:
                    path, book = _restarted(script, number, path, book, is_kill=plan[number])
                    assert msgspec.json.encode(book.state()) == msgspec.json.encode(memory.state())
        finally:
            book.close()


def _restarted(script: Script, number: int, path: Path, book: PaperBook, *, is_kill: bool) -> tuple[Path, PaperBook]:
    if is_kill:
        copy = path.with_name(f"paper-{number + 1}.db")
        for suffix in ("", "-wal"):
            source = path.with_name(path.name + suffix)
            if source.exists():
                shutil.copy(source, copy.with_name(copy.name + suffix))
        path = copy
    book.close()
    book = PaperBook(path, INSTRUMENTS, {}, script.costs, script.fill_at)
    if is_kill:
        for step in script.steps[: number + 1]:
            if step.candle is not None:
                assert book.open_phase(step.candle) + book.range_phase(step.candle) == []
    return path, book
