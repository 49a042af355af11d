"""The wire between one bot and the exchange, on which the schedule's faults strike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

from tests.simulation.chaos.faults import OF_REQUESTS, RECOVERY_REQUEST, REQUEST, Kind
from tests.simulation.chaos.world import Answer, World
from trading.domain.events import (
    CancelRejected,
    CancelUnknown,
    Event,
    OrderRejected,
    OrderUnknown,
    QueryFailed,
)
from trading.domain.orders import Approved, OrderIntent

REFUSAL = ("-1021", "Timestamp for this request is outside of the recvWindow.")
BANNED = ("-1003", "Way too much request weight used; IP banned.")


class Life(Protocol):
    """What the wire needs to know of the bot at its end."""

    @property
    def is_recovering(self) -> bool:
        """Whether it gets over a crash."""
        ...

    def moment(self, name: str) -> None:
        """Right before or after a request, at which the bot may die: then this does not return."""
        ...


class Wire:
    """One bot's connection: an `Exchange`. `before_sending` is told of every order that is about to be sent."""

    def __init__(self, world: World, life: Life, before_sending: Callable[[OrderIntent], None]) -> None:
        self.instruments = world.scenario.config.instruments
        self._world = world
        self._life = life
        self._before_sending = before_sending
        self._rng = Random(f"wire|{world.schedule.seed}")

    async def submit(self, order: Approved[OrderIntent], now_ms: int) -> Sequence[Event]:
        """See `Exchange`."""
        self._world.hear(now_ms)
        world, intent = self._world, order.value
        order_id = intent.client_order_id

        def act() -> Sequence[Event]:
            return world.submit(intent)

        def send(label: str) -> Sequence[Event]:
            self._before_sending(intent)
            world.sent_ms[order_id] = world.now_ms
            return self._ask(
                label,
                act,
                lost=OrderUnknown(time_ms=world.now_ms, client_order_id=order_id, message="no answer"),
                refused=lambda why: OrderRejected(
                    time_ms=world.now_ms, client_order_id=order_id, code=why[0], message=why[1]
                ),
            )

        return await self._around(f"submit {intent.purpose}", f"{intent.symbol} {order_id[:10]}", send)

    async def cancel(self, client_order_id: str, symbol: str, now_ms: int) -> Sequence[Event]:
        """See `Exchange`."""
        self._world.hear(now_ms)
        world = self._world

        def rejected(why: tuple[str, str]) -> Event:
            return CancelRejected(time_ms=world.now_ms, client_order_id=client_order_id, code=why[0], message=why[1])

        def send(label: str) -> Sequence[Event]:
            return self._ask(
                label,
                lambda: world.cancel(client_order_id, symbol),
                lost=CancelUnknown(time_ms=world.now_ms, client_order_id=client_order_id, message="no answer"),
                refused=rejected,
                early=lambda: [rejected(("-2011", "Unknown order sent."))],
            )

        return await self._around(f"cancel {self._purpose(client_order_id)}", f"{symbol} {client_order_id[:10]}", send)

    async def query(self, client_order_id: str, symbol: str, now_ms: int) -> Sequence[Event]:
        """See `Exchange`."""
        self._world.hear(now_ms)
        world = self._world
        failed = QueryFailed(time_ms=world.now_ms, subject=client_order_id, message="no answer")

        def send(label: str) -> Sequence[Event]:
            return self._ask(
                label,
                lambda: world.query(client_order_id, symbol),
                lost=failed,
                refused=lambda why: failed,
                early=lambda: [world.absent(client_order_id)],
                stale=lambda seconds: world.stale_query(client_order_id, symbol, seconds),
            )

        return await self._around(f"query {self._purpose(client_order_id)}", f"{symbol} {client_order_id[:10]}", send)

    async def account(self, token: int, now_ms: int) -> Sequence[Event]:
        """See `Exchange`."""
        self._world.hear(now_ms)
        world = self._world
        failed = QueryFailed(time_ms=world.now_ms, subject="account", message="no answer")

        def send(label: str) -> Sequence[Event]:
            return self._ask(
                label,
                lambda: world.account(token),
                lost=failed,
                refused=lambda why: failed,
                early=lambda: world.account_before_order(token),
                stale=lambda seconds: world.stale_account(token, seconds),
            )

        return await self._around("account", str(token), send)

    async def close(self) -> None:
        """See `Exchange`."""

    def _names(self, label: str) -> list[str]:
        return [label, REQUEST, RECOVERY_REQUEST] if self._life.is_recovering else [label, REQUEST]

    def _purpose(self, order_id: str) -> str:
        intent = self._world.arrived.get(order_id)
        return str(intent.purpose) if intent is not None else "unarrived"

    async def _around(self, label: str, what: str, send: Callable[[str], Sequence[Event]]) -> Sequence[Event]:
        if self._world.scenario.jostle:
            for _ in range(self._rng.randrange(3)):
                await asyncio.sleep(0)
        self._life.moment(f"before {label}")
        events = send(label)
        self._world.note(f"{label} {what} -> {', '.join(type(e).__name__ for e in events)}")
        self._life.moment(f"after {label}")
        return events

    def _ask(
        self,
        label: str,
        act: Answer,
        *,
        lost: Event,
        refused: Callable[[tuple[str, str]], Event],
        early: Answer | None = None,
        stale: Callable[[int], Sequence[Event]] | None = None,
    ) -> Sequence[Event]:
        """What comes back for a request, as the schedule has it."""
        world = self._world
        strikes, second = world.strikes, world.second
        world.requests += 1
        for name in self._names(label):
            strikes.count(name)
        if strikes.span(Kind.BAN, second):
            return [refused(BANNED)]
        if strikes.span(Kind.OUTAGE, second):
            return [lost]
        events = self._struck(label, act, lost, refused, early, stale)
        return [lost] if strikes.span(Kind.SILENCE, second) else events

    def _struck(
        self,
        label: str,
        act: Answer,
        lost: Event,
        refused: Callable[[tuple[str, str]], Event],
        early: Answer | None,
        stale: Callable[[int], Sequence[Event]] | None,
    ) -> Sequence[Event]:
        world = self._world
        found = (world.strikes.of(name, OF_REQUESTS) for name in self._names(label))
        fault = next((fault for fault in found if fault is not None), None)
        match fault.kind if fault is not None else None:
            case Kind.REQUEST_LOST:
                return [lost]
            case Kind.REFUSED:
                return [refused(REFUSAL)]
            case Kind.REQUEST_LATE:
                assert fault is not None
                world.later(fault.seconds, act)
                return [lost]
            case Kind.REPLY_LOST:
                act()
                return [lost]
            case Kind.REPLY_LATE:
                assert fault is not None
                world.publish(act(), fault.seconds)
                return [lost]
            case Kind.REPLY_TWICE:
                assert fault is not None
                events = act()
                world.publish(events, fault.seconds)
                return events
            case Kind.NOT_YET_KNOWN if early is not None:
                return early()
            case Kind.STALE if stale is not None:
                assert fault is not None
                return stale(fault.seconds)
            case _:
                return act()
