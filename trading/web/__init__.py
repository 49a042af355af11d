"""The dashboard: HTTP, WebSocket and the built page. It needs only the database, and reads it beside the bot."""
