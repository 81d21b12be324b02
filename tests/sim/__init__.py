"""Tests of the simulated venues: the truth they keep, the lies they tell on purpose, and the words of each venue."""
