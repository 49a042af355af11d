"""The parts of the live driver: commit-then-act, requests to the exchange, and how a bot is put together."""
