"""What can go wrong, as data: a schedule is a seed and a short list of faults, so that it can be printed and shrunk."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """Kinds of fault. Each says in `Fault.on` and `Fault.at` what it strikes, see there.

    Of a request: REQUEST_LOST never arrives. REQUEST_LATE arrives after `seconds`. REPLY_LOST: it arrives, the answer
    never comes. REPLY_LATE: the answer comes after `seconds`. REPLY_TWICE: at once, and again after `seconds`. REFUSED
    with proof. NOT_YET_KNOWN: answered as if the order did not exist yet. STALE: answered from the state `seconds` ago.

    Of a span of seconds: OUTAGE: no request arrives. SILENCE: requests arrive, and nothing comes back. BAN: every
    request is refused. NEWS_LOST, NEWS_LATE, NEWS_TWICE, NEWS_MIXED: what the exchange tells by itself is lost, comes
    `times` seconds later, twice, or in another order. DISK_FULL: no commit succeeds. CLOCK_AHEAD: the bot's clock.

    Of the market, by minute: GAP: opens `seconds` percent lower. THIN: next to no volume for `times` minutes.

    Of the owner, at a second: PAUSE, RESUME, KILL, RESET_KILL, CLOSE_ALL, CLOSE_ONE, CANCEL_ENTRIES; STOP_TAKEN_AWAY:
    he cancels the bot's stops by hand, at the exchange.

    Of the exchange, at a second: STOP_FORGOTTEN: it loses the bot's stops without a trace, as in a reset.

    Of the process: COMMIT_FAILS, COMMIT_UNHEARD (it is written, and its answer lost), by commit. CRASH, at a second or
    a moment, and down for `seconds`.
    """

    REQUEST_LOST = "request lost"
    REQUEST_LATE = "request late"
    REPLY_LOST = "reply lost"
    REPLY_LATE = "reply late"
    REPLY_TWICE = "reply twice"
    REFUSED = "refused"
    NOT_YET_KNOWN = "not yet known"
    STALE = "stale"
    OUTAGE = "outage"
    SILENCE = "silence"
    BAN = "ban"
    NEWS_LOST = "news lost"
    NEWS_LATE = "news late"
    NEWS_TWICE = "news twice"
    NEWS_MIXED = "news mixed"
    DISK_FULL = "disk full"
    CLOCK_AHEAD = "clock ahead"
    GAP = "gap"
    THIN = "thin"
    PAUSE = "pause"
    RESUME = "resume"
    KILL = "kill"
    RESET_KILL = "reset kill"
    CLOSE_ALL = "close all"
    CLOSE_ONE = "close one"
    CANCEL_ENTRIES = "cancel entries"
    STOP_TAKEN_AWAY = "stop taken away"
    STOP_FORGOTTEN = "stop forgotten"
    COMMIT_FAILS = "commit fails"
    COMMIT_UNHEARD = "commit unheard"
    CRASH = "crash"


OF_REQUESTS = frozenset(
    {
        Kind.REQUEST_LOST,
        Kind.REQUEST_LATE,
        Kind.REPLY_LOST,
        Kind.REPLY_LATE,
        Kind.REPLY_TWICE,
        Kind.REFUSED,
        Kind.NOT_YET_KNOWN,
        Kind.STALE,
    }
)
OF_SPANS = frozenset(
    {
        Kind.OUTAGE,
        Kind.SILENCE,
        Kind.BAN,
        Kind.NEWS_LOST,
        Kind.NEWS_LATE,
        Kind.NEWS_TWICE,
        Kind.NEWS_MIXED,
        Kind.DISK_FULL,
        Kind.CLOCK_AHEAD,
    }
)
OF_MARKET = frozenset({Kind.GAP, Kind.THIN})
OF_OTHERS = frozenset(
    {
        Kind.PAUSE,
        Kind.RESUME,
        Kind.KILL,
        Kind.RESET_KILL,
        Kind.CLOSE_ALL,
        Kind.CLOSE_ONE,
        Kind.CANCEL_ENTRIES,
        Kind.STOP_TAKEN_AWAY,
        Kind.STOP_FORGOTTEN,
    }
)
SECOND = "second"
MINUTE = "minute"
COMMIT = "commit"
MOMENT = "moment"
"""A moment is right before or after a commit or a request: where a process can die."""
RECOVERY = "recovery moment"
"""The same, counted only while the bot recovers from a crash."""
REQUEST = "request"
"""A request of any label."""
RECOVERY_REQUEST = "recovery request"
"""The same, counted only while the bot recovers from a crash."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault: of `kind`, striking the `at`-th (from 1) of what `on` names, and `times - 1` of those after it.

    on: a request's label (`submit stop`, `cancel entry`, `query exit`, `account`), `commit`, a moment, the second or
    minute of the run. seconds: how long, or how late, or how many percent, as the kind says.
    """

    kind: Kind
    on: str
    at: int
    times: int = 1
    seconds: int = 0

    def __str__(self) -> str:
        text = f"{self.kind} @ {self.on} {self.at}"
        if self.times > 1:
            text += f" x{self.times}"
        return text + (f" ({self.seconds})" if self.seconds else "")


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A run that can be repeated: everything but the faults follows from the seed."""

    seed: int
    faults: tuple[Fault, ...] = ()

    def __str__(self) -> str:
        return f"seed {self.seed}: " + ("; ".join(map(str, self.faults)) or "no faults")

    def without(self, fault: Fault) -> Schedule:
        """The same run without this fault."""
        return Schedule(seed=self.seed, faults=tuple(f for f in self.faults if f is not fault))

    def instead(self, fault: Fault, other: Fault) -> Schedule:
        """The same run with `other` in the place of a fault."""
        return Schedule(seed=self.seed, faults=tuple(other if f is fault else f for f in self.faults))


class Strikes:
    """Counts what happens by its name, and tells which fault strikes it. `struck` are those that did."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        self.struck: list[Fault] = []
        self.is_over = False
        self.hits = 0
        self._counts: Counter[str] = Counter()

    def count(self, name: str) -> None:
        """Something of this name happens."""
        self._counts[name] += 1

    def of(self, name: str, kinds: frozenset[Kind]) -> Fault | None:
        """The fault of one of these kinds that strikes what happens now by this name."""
        if self.is_over:
            return None
        now = self._counts[name]
        for fault in self.faults:
            if fault.kind in kinds and fault.on == name and fault.at <= now < fault.at + fault.times:
                self._note(fault)
                self.hits += 1
                return fault
        return None

    def span(self, kind: Kind, second: int) -> Fault | None:
        """The fault of this kind that lasts at this second of the run."""
        if self.is_over:
            return None
        for fault in self.faults:
            if fault.kind is kind and fault.on == SECOND and fault.at <= second < fault.at + fault.seconds:
                self._note(fault)
                return fault
        return None

    def between(self, after: int, until: int) -> list[Fault]:
        """The faults that come at one second of those after `after` up to `until`."""
        if self.is_over:
            return []
        return [f for f in self.faults if f.on == SECOND and after < f.at <= until]

    def _note(self, fault: Fault) -> None:
        if fault not in self.struck:
            self.struck.append(fault)
