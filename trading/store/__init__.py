"""The database: schema, migrations, the journal, and what the commands and dashboard read."""
