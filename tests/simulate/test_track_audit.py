"""What a client said of its client ids is held against the daemon and against the client: told step by step."""

from __future__ import annotations

import msgspec
import pytest

from daemon.simulate.track_audit import CLOCK_MAX_US
from protocols.fix import Outcome
from tests.simulate.scene import ALIAS, SECOND_US, START_US, Scene

GHOST = "300000000000001"


def a_doubt(scene: Scene) -> set[str]:
    """Ask for an order whose end a push shows, and say that nothing is known of it."""
    scene.ask()
    scene.cancel()
    scene.show("canceled")
    scene.wait()
    scene.tell(Outcome.IN_DOUBT, None)
    return scene.broken()


def test_who_said_which_order_its_client_id_is_is_not_left_in_doubt() -> None:
    scene = Scene(by_order_id=False, venue="htx")
    scene.track()
    assert "in_doubt" in a_doubt(scene)


@pytest.mark.parametrize("is_recorded", [True, False])
def test_who_asks_again_for_what_was_recorded_means_what_it_meant(*, is_recorded: bool) -> None:
    scene = Scene(by_order_id=False, venue="htx")
    scene.track()
    scene.ask()
    if is_recorded:
        scene.record()
    scene.cancel()
    scene.show("canceled")
    scene.wait()
    scene.tell(Outcome.IN_DOUBT, None)
    scene.ask(sink=2)
    assert ("in_doubt" in scene.broken()) == is_recorded


@pytest.mark.parametrize("how", ["never", "undated", "in an earlier life", "in what is the future now"])
def test_who_did_not_say_it_may_be(how: str) -> None:
    scene = Scene(by_order_id=False, venue="htx")
    if how != "never":
        scene.track(is_named=how != "undated", placed_at=None if how[:2] != "in" else START_US + 3600 * SECOND_US)
    if how == "in an earlier life":
        scene.crash()
    assert "in_doubt" not in a_doubt(scene)


def test_what_had_ended_before_it_was_asked_for_may_be_another_order_by_then() -> None:
    scene = Scene(by_order_id=False, venue="htx")
    scene.track()
    scene.cancel()
    scene.ask()
    scene.show("canceled")
    scene.wait()
    scene.tell(Outcome.IN_DOUBT, None)
    assert "in_doubt" not in scene.broken()


# ---------------------------------------------------------------- the order that its client said


def told_of_another(scene: Scene, *, is_shown: bool) -> set[str]:
    """Let the order that was tracked end, a younger one take its client id, and the answer be about the older."""
    scene.track()
    scene.cancel()
    if is_shown:
        scene.show("canceled")
    older = scene.order
    younger = scene.place(ALIAS)
    wish = msgspec.structs.replace(scene.seen.plan.wishes[0], order=1)
    scene.seen.stories["w0"].wish = wish
    scene.order = scene.seen.books[scene.account].get(younger) or older
    scene.ask()
    scene.send()
    scene.tell(Outcome.CANCELED, 0, order_id=older.order_id)
    return scene.broken()


def test_who_said_that_its_client_id_is_an_older_order_is_told_of_that() -> None:
    assert "truth" not in told_of_another(Scene(by_order_id=False), is_shown=False)


def test_that_the_older_had_ended_was_known_so_its_client_meant_another() -> None:
    assert "truth" in told_of_another(Scene(by_order_id=False), is_shown=True)


def test_that_it_had_ended_may_be_forgotten_for_want_of_room() -> None:
    scene = Scene(by_order_id=False)
    narrow = msgspec.structs.replace(scene.seen.plan.accounts[0], orders_max=1)
    scene.seen.plan = msgspec.structs.replace(scene.seen.plan, accounts=(narrow,))
    assert "truth" not in told_of_another(scene, is_shown=True)


# ---------------------------------------------------------------- orders that never reached their venue


def ghost(venue: str) -> Scene:
    return Scene(by_order_id=False, venue=venue, order=None, ghost=GHOST)


def left_open(scene: Scene) -> bool:
    """Ask for an order that never was, and leave it in doubt."""
    scene.ask()
    scene.tell(Outcome.IN_DOUBT, None, order_id=None)
    return "nothing_open" in scene.broken()


def test_that_there_is_no_order_can_be_known_where_client_ids_last() -> None:
    assert left_open(ghost("okx"))


@pytest.mark.parametrize("venue", ["htx", "bingx"])
def test_that_there_is_no_order_can_be_known_of_one_that_was_dated(venue: str) -> None:
    assert not left_open(ghost(venue))
    undated = ghost(venue)
    undated.track(is_named=False)
    assert not left_open(undated)
    dated = ghost(venue)
    dated.track(is_named=False, placed_at=START_US)
    assert left_open(dated)


def test_it_cannot_be_known_by_a_clock_that_is_far_off() -> None:
    scene = ghost("htx")
    scene.seen.plan = msgspec.structs.replace(scene.seen.plan, clock_offset_us=CLOCK_MAX_US + 1)
    scene.track(is_named=False, placed_at=START_US)
    assert not left_open(scene)


def test_a_life_that_finds_only_the_wish_may_doubt_it() -> None:
    scene = ghost("okx")
    scene.ask()
    scene.crash()
    scene.tell(Outcome.IN_DOUBT, None, order_id=None)
    assert "nothing_open" not in scene.broken()
