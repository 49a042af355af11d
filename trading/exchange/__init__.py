"""Where orders go: the exchange protocol, the simulated and the paper exchange."""
