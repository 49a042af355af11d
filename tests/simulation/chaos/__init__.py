"""The chaos driver: the real engine, commit line and SQLite file against a simulated exchange and a fault schedule."""
