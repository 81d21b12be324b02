"""Names that the daemon gives: none twice, however fast they are wanted and however often it starts."""

from __future__ import annotations

import re

from daemon.core.ids import Ids

A_MILLION = 1_000_000
LIVES = 20


def test_of_a_million_names_over_many_lives_no_two_are_alike() -> None:
    given: set[str] = set()
    for boot in range(1, LIVES + 1):
        ids = Ids(boot)
        for _ in range(A_MILLION // LIVES // 4):
            given.update((ids.case(), ids.send(), ids.query(), ids.request()))
    assert len(given) == A_MILLION
    assert all(re.fullmatch(r"[a-z0-9]{1,32}", name) for name in given)


def test_a_name_of_the_last_life_is_none_of_this_one_though_both_counted_as_far() -> None:
    assert Ids(0x1).send() != Ids(0x11).send()
    assert {Ids(boot).send() for boot in range(1, 300)} == {f"c{boot:x}x1" for boot in range(1, 300)}
