"""llm-tradebot: a self-hosted crypto trading bot that its owner can leave alone with real money."""

__version__ = "0.1.0"
