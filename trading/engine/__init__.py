"""The state machine that owns orders, portfolio and recovery. Pure: no clock, network, disk or random source."""
