"""The simulated HTX: USDT-margined futures by the v5 API."""
