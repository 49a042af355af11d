"""Where candles come from: files, replay, the demo market."""
