"""What an operator may ask of the engine."""

from __future__ import annotations

from msgspec.structs import replace

from trading.domain.actions import Level
from trading.domain.events import Command, CommandKind
from trading.engine.adoption import resolve
from trading.engine.desk import Desk
from trading.engine.portfolio import equity
from trading.engine.protection import can_have_no_stop, request_exit
from trading.safety.breaker import begun_anew, equity_floor


def on_command(desk: Desk, command: Command) -> set[str]:
    """Carry the command out; the symbols to look at after it. One that names nothing known is answered, not failed."""
    why = command.reason or f"by {command.by}"
    match command.kind:
        case CommandKind.PAUSE | CommandKind.RESUME | CommandKind.KILL | CommandKind.RESET_KILL:
            _set_latches(desk, command, why)
            if command.kind is CommandKind.KILL:
                desk.cancel_entries()
                if command.target == "flatten":
                    return _close(desk, list(desk.state.positions), "killed")
        case CommandKind.CLOSE_POSITION:
            return _close(desk, [command.target], "closed by operator")
        case CommandKind.CLOSE_ALL:
            desk.cancel_entries()
            return _close(desk, list(desk.state.positions), why)
        case CommandKind.CANCEL_ENTRIES:
            desk.cancel_entries()
        case CommandKind.RECONCILE:
            desk.fetch_account()
        case CommandKind.PROTECT:
            _only_protect(desk, why)
        case CommandKind.CANCEL_ORDER:
            order = desk.state.orders.get(command.target)
            if order is None or order.state.is_final:
                desk.notify(Level.WARNING, "NO_SUCH_ORDER", f"order {command.target} is not open")
            else:
                desk.cancel(order)
        case CommandKind.RESOLVE:
            symbol = resolve(desk, command)
            return set() if symbol is None else {symbol}
        case CommandKind.STOP:
            return set()  # the driver ends the process; here it is only recorded, in the commit that takes it
    return set(desk.state.positions) | set(desk.state.live)


def _set_latches(desk: Desk, command: Command, why: str) -> None:
    safety, kind = desk.state.safety, command.kind
    told = f"{why}, by {command.by}" if command.reason else why
    if kind is CommandKind.PAUSE:
        # Without a code it is a person's, and does not end by itself.
        safety = replace(safety, paused=why, pause_code="")
        desk.notify(Level.WARNING, "PAUSED", f"{told}; no entries until `tradebot resume`")
    elif kind is CommandKind.RESUME:
        if safety.paused or safety.halted:
            desk.notify(Level.INFO, "RESUMED", told)
        _resume(desk)
        return
    elif kind is CommandKind.RESET_KILL:
        safety = replace(safety, killed="")
        desk.notify(Level.WARNING, "KILL_RESET", told)
    else:
        safety = replace(safety, killed=why)
        desk.notify(Level.CRITICAL, "KILLED", told)
    desk.state.put(safety)


def _only_protect(desk: Desk, why: str) -> None:
    """Give every position its stop and begin no exit: what was to be sold for `why` is kept, the rest sold later.

    What can have no stop is sold, as was decided.
    """
    desk.protecting = True
    for position in list(desk.state.positions.values()):
        is_kept = position.exit_reason == why and not can_have_no_stop(desk, position)
        reason = "" if is_kept else position.exit_reason
        if reason:
            desk.held_back[position.id] = None
        desk.state.put(replace(position, exit_reason=reason, exit_retry_ms=0, stop_retry_ms=0))


def _close(desk: Desk, symbols: list[str], reason: str) -> set[str]:
    for symbol in symbols:
        position = desk.state.positions.get(symbol)
        if position is None:
            desk.notify(Level.WARNING, "NO_SUCH_POSITION", f"no position in {symbol}")
        else:
            request_exit(desk, position, reason)
    return set(desk.state.positions) | set(desk.state.live)


def _resume(desk: Desk) -> None:
    """A person clears pause and halt: the measures that tripped begin anew, at the present equity."""
    state, safety = desk.state, desk.state.safety
    codes = (*safety.halt_codes, safety.pause_code)
    state.put(
        replace(
            safety,
            paused="",
            pause_code="",
            halted="",
            halt_code="",
            losing_streak=0 if "LOSING_STREAK" in codes else safety.losing_streak,
            order_failures=0 if "ORDER_FAILURES" in codes else safety.order_failures,
        )
    )
    if state.account is not None:
        state.put(begun_anew(state.breaker, codes, equity(state)))
        desk.breaker_floor = equity_floor(state.breaker, desk.config.breaker)
