"""The one door between an intent and the exchange: makes `Approved[OrderIntent]`, or refuses."""

from __future__ import annotations

from trading.domain import orders
from trading.domain.orders import Approved, OrderIntent, Side
from trading.safety.checks import Check, Limits, Refusal, RiskView, entry_checks

CHECK_FAILED = "CHECK_FAILED"


class RiskCheck:
    """Approves orders. Entries pass every check; what reduces a position passes whatever its size."""

    def __init__(self, limits: Limits, checks: tuple[Check, ...] | None = None) -> None:
        self.limits = limits
        self._checks = entry_checks(limits) if checks is None else checks

    def approve(self, intent: OrderIntent, view: RiskView) -> Approved[OrderIntent] | Refusal:
        """The approved order, or the first refusal. A check that raises is a refusal, `CHECK_FAILED`."""
        if intent.reduces:
            refusal = _not_reducing(intent, view)
            return refusal or Approved(intent, seal=orders._SEAL)
        for check in self._checks:
            try:
                refusal = check.validate(intent, view)
            except Exception as error:  # noqa: BLE001 - a broken check must stop entries, whatever broke in it
                return Refusal(code=CHECK_FAILED, message=f"{type(check).__name__}: {type(error).__name__}: {error}")
            if refusal is not None:
                return refusal
        return Approved(intent, seal=orders._SEAL)


def _not_reducing(intent: OrderIntent, view: RiskView) -> Refusal | None:
    """An order that says it reduces must: on spot, sell not more than is held, under a new id."""
    if intent.side is not Side.SELL or not 0 < intent.quantity <= view.held:
        return Refusal(
            code="NOT_REDUCING", message=f"{intent.side} {intent.quantity} does not reduce the {view.held} held"
        )
    if view.known_id:
        return Refusal(code="ORDER_DUPLICATE", message=f"order {intent.client_order_id} exists already")
    return None
