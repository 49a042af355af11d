"""Alerts: from the table to the owner, whatever hangs on the way; the dead-man ping; commands by Telegram."""
