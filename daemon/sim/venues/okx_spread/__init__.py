"""The simulated OKX where spreads are traded: business WebSocket and REST, matching and settlement apart."""
