"""`WS /ws`: what happens at the bot, told as it happens, from the database alone: nothing is asked of the bot."""
