"""The simulated BingX: spot REST and account WebSocket of one account, written from BingX's published pages."""
