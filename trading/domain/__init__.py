"""The words of the product: instruments, candles, orders, fills, positions, events, actions. Frozen; no imports of ours."""
