"""Builders that several folders of tests share: instruments, candles, signals, engines that check their own books."""
