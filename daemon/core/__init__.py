"""The decisions, pure: (state, input, now) in, facts and effects out. No clock, socket, log or asyncio."""
