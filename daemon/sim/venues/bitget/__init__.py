"""The simulated Bitget: a classic account (v2) or a unified one (v3)."""
