"""How often somebody may try to get in: a bound for each address, and one for all together."""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from trading.web.problems import Problem

PER_ADDRESS = 5
ADDRESS_REFILL_S = 12.0
OVERALL = 10
OVERALL_REFILL_S = 2.0
ADDRESSES_MAX = 10_000
_IPV6_HOST_BITS = 64


class Bucket:
    """Tries that are left: `most` at first, one more after each `refill_s` seconds."""

    def __init__(self, most: int, refill_s: float, now: float) -> None:
        self.is_known = False
        self._most = most
        self._refill_s = refill_s
        self._left = float(most)
        self._at = now

    def left(self, now: float) -> float:
        """How many are left now."""
        self._left = min(self._most, self._left + (now - self._at) / self._refill_s)
        self._at = now
        return self._left

    def take(self) -> None:
        """One less."""
        self._left -= 1

    def give_back(self) -> None:
        """One more."""
        self._left = min(self._most, self._left + 1)

    def wait_s(self) -> float:
        """Seconds until one is left."""
        return max(0.0, 1 - self._left) * self._refill_s


class Attempts:
    """Counts tries; those that succeeded are given back. Used by the event loop alone.

    The bound for all together keeps the work of argon2 small. An address from which a try was right before is not held
    to it, so that a flood from elsewhere does not keep the owner out.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._overall = Bucket(OVERALL, OVERALL_REFILL_S, monotonic())
        self._by_address: dict[str, Bucket] = {}

    def take(self, address: str) -> None:
        """Count a try. Raises a `Problem` (429) where there have been too many; such a try costs nothing."""
        now = self._monotonic()
        mine = self._bucket(_group(address), now)
        shared = [] if mine.is_known else [self._overall]
        for bucket in (mine, *shared):
            if bucket.left(now) < 1:
                wait_s = int(bucket.wait_s()) + 1
                raise Problem(
                    429, f"too many tries; wait {wait_s} s", code="TOO_MANY_TRIES", headers={"Retry-After": str(wait_s)}
                )
        for bucket in (mine, *shared):
            bucket.take()

    def give_back(self, address: str, *, was_right: bool = True) -> None:
        """Take back a try that was right, or that nobody could judge."""
        bucket = self._by_address.get(_group(address))
        if bucket is None:  # it had to make room meanwhile
            return
        for taken in (bucket,) if bucket.is_known else (bucket, self._overall):
            taken.give_back()
        bucket.is_known = bucket.is_known or was_right

    def _bucket(self, group: str, now: float) -> Bucket:
        bucket = self._by_address.pop(group, None) or Bucket(PER_ADDRESS, ADDRESS_REFILL_S, now)
        self._by_address[group] = bucket  # the last one used is the last to be dropped
        while len(self._by_address) > ADDRESSES_MAX:
            del self._by_address[next(iter(self._by_address))]
        return bucket


def _group(address: str) -> str:
    """The address, or of IPv6 the network that one household has."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(int(found) >> _IPV6_HOST_BITS)
    return address
