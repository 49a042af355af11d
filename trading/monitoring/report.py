"""What a running bot knows of itself and nobody else can: stored with its sign of life, and told on its own port."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ApiStatus(StrEnum):
    """How the exchange answers. DEGRADED: slowly, or not always. DISCONNECTED: not at all, for a while or so far."""

    CONNECTED = "connected"
    DEGRADED = "degraded"
    DISCONNECTED = "disconnected"


class FeedState(StrEnum):
    """WAITING: not begun. LIVE: candles come in their time. STALE: the next one is overdue. ENDED: no more will come.

    HELD: none is taken, because the journal cannot be written.
    """

    WAITING = "waiting"
    LIVE = "live"
    STALE = "stale"
    HELD = "held"
    ENDED = "ended"


class ApiReport(msgspec.Struct, frozen=True, kw_only=True):
    """Requests to the exchange. latency_ms: median of the last answers. last_check_ms: end of the last request (UTC).

    lost_last_minute: requests without an answer. since_ms: since when the status is as it is (UTC ms).
    """

    status: ApiStatus = ApiStatus.DISCONNECTED
    latency_ms: float | None = None
    last_check_ms: int | None = None
    lost_last_minute: int = 0
    since_ms: int | None = None


class FeedReport(msgspec.Struct, frozen=True, kw_only=True):
    """Market data. age_s: since the last candle was handled, or since it closed where the feed's clock is the world's.

    Above `stale_after_s` it is stale. last_close_ms: close time of the last candle (UTC ms, in the feed's own time).
    """

    label: str = ""
    symbols: tuple[str, ...] = ()
    state: FeedState = FeedState.WAITING
    age_s: float = 0.0
    stale_after_s: float = 0.0
    interval_ms: int = 0
    last_close_ms: int | None = None


class Bare(msgspec.Struct, frozen=True):
    """A position without an acknowledged stop, for how long, and how long it may be (ms of the engine's time)."""

    symbol: str
    for_ms: int
    allowed_ms: int


class Fault(msgspec.Struct, frozen=True):
    """Something that fails. since_ms: UTC ms. count: how often in a row."""

    name: str
    error: str
    since_ms: int
    count: int = 1


class BotReport(msgspec.Struct, frozen=True, kw_only=True):
    """A bot about itself, at `made_ms` (UTC ms). Faults are None or empty where nothing fails.

    phase: starting, recovering, trading, idle (no more candles), stopping. engine_ms: the engine's time. beat_age_s:
    since the loop last went on, by the monotonic clock. journal: the commit that failed. database: what fails beside
    commits. in_doubt: orders that wait for a person. jobs: background jobs that failed when they last ran. health_port:
    why the bot does not answer on its own port. disk_free: bytes, None where not known.
    """

    made_ms: int
    version: str = ""
    phase: str = "starting"
    engine_ms: int = 0
    beat_age_s: float = 0.0
    api: ApiReport = ApiReport()
    feed: FeedReport = FeedReport()
    journal: Fault | None = None
    database: Fault | None = None
    unprotected: tuple[Bare, ...] = ()
    in_doubt: tuple[str, ...] = ()
    models_loaded: tuple[str, ...] = ()
    models_required: tuple[str, ...] = ()
    jobs: tuple[Fault, ...] = ()
    health_port: Fault | None = None
    disk_free: int | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(BotReport)


def to_text(report: BotReport) -> str:
    """As it is stored."""
    return _encoder.encode(report).decode()


def from_text(text: str | None) -> BotReport | None:
    """A stored report; None where there is none, or none that this version can read."""
    if not text:
        return None
    try:
        return _decoder.decode(text)
    except msgspec.MsgspecError:
        return None
