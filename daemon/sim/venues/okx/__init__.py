"""The simulated OKX: trade WebSocket and REST of one account, written from OKX's published v5 reference."""
