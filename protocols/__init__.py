"""Wire formats, pure: bytes and frames in, typed facts out. No clock, socket, log or asyncio."""
