"""Tests of the core: what may be said about an order, when, and on what; what is sent and asked; and its bounds."""
