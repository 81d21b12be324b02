"""Whatever arrives: every decoder under bytes that nobody would write, looked at by two engines.

    target      what a target is, and what all of them hold to
    venues      frames and REST bodies of the six dialects, compressed ones too
    local       clients' lines, the daemon's own answers, configurations, credentials, rows of the journal
    simulated   the doors of the simulated venues
    targets     all of them, by name
    engine      runs one target under atheris, coverage-guided (`make fuzz`); it alone needs atheris
    corpus/     inputs that reached something new, a file a target; `make fuzz ARGS=--keep` adds to them

The tests run each target over its kept inputs and, under hypothesis, over mutations of them.
"""
