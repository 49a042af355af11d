"""What may be traded at all: order checks and limits, each working alone. Pure."""
