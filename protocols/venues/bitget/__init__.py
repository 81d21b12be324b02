"""Bitget: the classic account (v2, `classic`) and the unified one (v3, `unified`)."""
