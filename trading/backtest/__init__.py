"""The engine over recorded candles, and its report."""
