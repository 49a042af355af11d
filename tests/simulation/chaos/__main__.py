"""`python -m tests.simulation.chaos SEED...`: play schedules, tell what is broken, and make what fails short."""

from __future__ import annotations

import argparse
import sys

from tests.simulation.chaos.generate import generate
from tests.simulation.chaos.run import run
from tests.simulation.chaos.shrink import failure


def main() -> int:
    """Exit code 1 if any schedule breaks an invariant."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.chaos", description=__doc__)
    parser.add_argument("seeds", nargs="+", type=int, metavar="SEED")
    parser.add_argument("--until", type=int, help="all seeds from the first one up to this one")
    parser.add_argument("--log", action="store_true", help="print everything that happens")
    chosen = parser.parse_args()
    seeds = range(chosen.seeds[0], chosen.until) if chosen.until else chosen.seeds
    failed = 0
    for seed in seeds:
        outcome = run(generate(seed), log=chosen.log)
        tell(*outcome.log)
        if outcome.violation:
            failed += 1
            tell(failure(outcome))
        elif not chosen.until:
            tell(f"{outcome.schedule}: nothing broken, {outcome.lives} lives, {outcome.fills} trades")
    tell(f"{len(seeds)} schedules, {failed} failed")
    return 1 if failed else 0


def tell(*lines: str) -> None:
    """Write these lines."""
    sys.stdout.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
