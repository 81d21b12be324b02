"""Tests of the I/O."""
