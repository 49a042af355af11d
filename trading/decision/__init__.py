"""From features to a signal: regime, analysts, voting, sizing. Pure."""
