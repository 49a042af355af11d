"""The words of the product: instruments, candles, orders, fills, positions, events, actions. Imports none of ours."""
