"""A footing: who waits for what a bulk cancel found hears once all is on disk, and nothing rests on what failed."""

from daemon.edge.footing import Footing


def test_who_waits_hears_when_all_that_is_being_written_is_there() -> None:
    footing, heard = Footing(), list[tuple[str, bool]]()
    first, second = footing.expect(), footing.expect()
    footing.when_known(lambda is_durable: heard.append(("a", is_durable)))
    first(True)
    assert heard == []
    second(True)
    footing.when_known(lambda is_durable: heard.append(("b", is_durable)))
    assert heard == [("a", True), ("b", True)]
    assert footing.carries


def test_with_a_record_that_failed_it_carries_nothing_more() -> None:
    footing, heard = Footing(), list[bool]()
    first, second = footing.expect(), footing.expect()
    footing.when_known(heard.append)
    first(False)
    second(True)
    assert heard == [False]
    assert not footing.carries


def test_where_nothing_was_to_be_written_in_this_life_an_earlier_one_had_it() -> None:
    heard = list[bool]()
    Footing().when_known(heard.append)
    assert heard == [True]
