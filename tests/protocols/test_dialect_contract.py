"""Every dialect is asked the same questions, in its own frames and bodies (`tests.protocols.material`).

What a venue's own tests look at closely is not repeated here: this is what all of them owe to the rest of canceld. Here
are logins, subscriptions and orders; answers to cancels and to questions are `test_dialect_contract_answers`'.
"""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from daemon.core.order_view import verdict_of
from protocols.dialect import LoggedIn, LoginRefused, Role, Strange, Subscribed, SubscribeRefused
from protocols.errors import RemoteError
from protocols.evidence import DropCopyState, OrderReported, Source
from protocols.fix import OrdStatus
from protocols.rest import RestResponse
from protocols.session import Abort, Session
from protocols.venues.registry import VENUES
from tests.protocols.material.kit import STATES, Material, flipped, scalars
from tests.protocols.material.verbs import (
    ALL,
    CREDENTIALS,
    EVERY_LOGIN,
    EVERY_VENUE,
    NOW_US,
    decoded,
    dialect_of,
    logins_of,
    plan_of,
    pushed,
    sights,
    spoilt,
    unframed,
)

STRANGE_WORD = "zzz9"


def test_every_venue_has_material() -> None:
    assert {of.venue for of in ALL} == set(VENUES)
    for of in ALL:
        assert set(STATES) <= set(of.pushed)
        assert set(STATES) <= set(of.queried)
        assert int(of.order_id) > 2**53


# ---------------------------------------------------------------- login


@EVERY_LOGIN
def test_an_accepted_login_opens_the_road_and_is_heard_in_every_spelling(of: Material) -> None:
    for plan, frame in itertools.product(logins_of(of), of.logins):
        dialect = dialect_of(of)
        (heard,) = dialect.decode(plan, frame)
        assert isinstance(heard, LoggedIn), frame
        session = Session(plan, dialect, CREDENTIALS)
        session.opened(0, NOW_US)
        (login,) = session.take_frames()
        assert "secret-0001" not in login
        assert not session.can_cancel
        session.received(frame, 1)
        assert session.can_cancel == (Role.ORDER_ENTRY in plan.roles)


@EVERY_LOGIN
def test_a_refused_login_says_why_and_opens_nothing(of: Material) -> None:
    for plan, (frame, kind) in itertools.product(logins_of(of), of.login_refusals):
        session = Session(plan, dialect_of(of), CREDENTIALS)
        session.opened(0, NOW_US)
        session.received(frame, 1)
        refused = [event for event in session.take_events() if isinstance(event, LoginRefused)]
        assert [one.kind for one in refused] == [kind], frame
        assert not session.can_cancel


@EVERY_LOGIN
def test_a_login_that_is_not_answered_costs_the_socket_and_a_late_answer_opens_nothing(of: Material) -> None:
    for plan in logins_of(of):
        session = Session(plan, dialect_of(of), CREDENTIALS)
        session.opened(0, NOW_US)
        session.take_events()
        session.tick(plan.login_wait_ms * 1000)
        assert any(isinstance(event, Abort) for event in session.take_events())
        session.received(of.logins[0], plan.login_wait_ms * 1000 + 1)
        assert not session.can_cancel


@EVERY_VENUE
def test_a_socket_without_a_login_is_entered_by_a_key_that_shows_in_no_call(of: Material) -> None:
    for plan in dialect_of(of).sockets():
        assert plan.needs_login != (plan.admission is not None)
        if plan.admission is not None:
            key = plan.admission.read(RestResponse(200, b'{"listenKey":"thekey"}'))
            assert "thekey" in plan.admission.path(key)
            assert "thekey" not in repr(key)
            with pytest.raises(RemoteError):
                plan.admission.read(RestResponse(200, b'{"code":100413,"msg":"Incorrect apiKey"}'))


# ---------------------------------------------------------------- subscriptions


@EVERY_VENUE
def test_every_subscription_is_acknowledged_by_its_key_and_makes_the_drop_copy_live(of: Material) -> None:
    plan, dialect = plan_of(of, Role.DROP_COPY), dialect_of(of)
    session = Session(plan, dialect, CREDENTIALS)
    session.opened(0, NOW_US)
    for frame in of.logins[:1]:
        session.received(frame, 1)
    for key, _ in dialect.subscriptions(plan):
        assert dialect.decode(plan, of.subscribed(key)) == (Subscribed(key),)
        assert session.drop_copy is not DropCopyState.LIVE
        session.received(of.subscribed(key), 2)
    assert session.drop_copy is DropCopyState.LIVE


@EVERY_VENUE
def test_a_refused_subscription_blinds_and_costs_no_cancel(of: Material) -> None:
    plan, dialect = plan_of(of, Role.DROP_COPY), dialect_of(of)
    keys = [key for key, _ in dialect.subscriptions(plan)]
    for frame, key in of.subscribe_refusals:
        told = [item for item in dialect.decode(plan, frame) if isinstance(item, SubscribeRefused)]
        assert [one.key for one in told] == [key], frame
        session = Session(plan, dialect, CREDENTIALS)
        session.opened(0, NOW_US)
        for login in of.logins[:1]:
            session.received(login, 1)
        for other in keys:
            if other != key and key:
                session.received(of.subscribed(other), 2)
        session.received(frame, 3)
        assert session.drop_copy is DropCopyState.BLIND
        assert session.can_cancel == (Role.ORDER_ENTRY in plan.roles)


# ---------------------------------------------------------------- states


@EVERY_VENUE
def test_each_state_is_read_from_a_push_and_from_a_query(of: Material) -> None:
    for name, seen, report in sights(of):
        assert report.status is seen.status, name
        assert report.cum_qty == (None if seen.cum_qty is None else Decimal(seen.cum_qty)), name
        assert report.cum_qty_final is seen.is_final, name
        assert (report.order_id, report.client_order_id) == (of.order_id, of.client_order_id), name
        assert (report.product, report.instrument) == (of.product, of.instrument), name
        assert report.source is (Source.PUSH if name.startswith("pushed") else Source.QUERY), name
        assert report.frame is not None


@EVERY_VENUE
def test_a_state_reached_is_told_alike_by_both_roads(of: Material) -> None:
    for name in STATES:
        assert of.pushed[name].status is of.queried[name].status
        assert of.pushed[name].cum_qty in {of.queried[name].cum_qty, None}


@EVERY_VENUE
def test_no_quantity_is_final_before_the_end(of: Material) -> None:
    assert not [name for name, _, report in sights(of) if report.cum_qty_final and not report.status.is_terminal]


@EVERY_VENUE
@pytest.mark.parametrize("ending", ["partly_canceled", "filled"])
def test_pushes_repeated_and_out_of_order_come_to_the_same_verdict(of: Material, ending: str) -> None:
    rows = [of.pushed[name].row for name in ("live", "partial", ending)]
    verdicts = []
    for order in itertools.permutations([*rows, rows[-1]]):
        items = [pushed(of, row) for row in order]
        verdicts.append(verdict_of([item for item in items if isinstance(item, OrderReported)], of.instrument))
    assert verdicts[1:] == verdicts[:-1]
    (verdict, seen) = (verdicts[0], of.pushed[ending])
    assert (verdict.ord_status, str(verdict.cum_qty)) == (seen.status, seen.cum_qty)
    assert (verdict.cum_qty_final, verdict.is_contradictory) == (seen.is_final, False)


@EVERY_VENUE
def test_a_bad_row_is_kept_aside_and_the_next_frame_is_read(of: Material) -> None:
    assert isinstance(pushed(of, {}), Strange)
    assert isinstance(pushed(of, of.pushed["canceled"].row), OrderReported)


# ---------------------------------------------------------------- whatever a venue may change about a row


@EVERY_VENUE
def test_an_unknown_status_is_never_a_report(of: Material) -> None:
    for word in (STRANGE_WORD, "", "Unknown", "suspended"):
        for name, row, keys, show in spoilt(of):
            assert not isinstance(show(row | {keys.status: word}), OrderReported), (name, word)


@EVERY_VENUE
@pytest.mark.parametrize("word", [STRANGE_WORD, ""])
def test_any_other_member_may_say_anything_and_changes_no_state(of: Material, word: str) -> None:
    for name, row, keys, show in spoilt(of):
        whole = show(row)
        if whole.status is OrdStatus.REPLACED:  # which it is by the word of another member
            continue
        for key in set(scalars(row)) - {keys.order_id, keys.status}:
            found = show(row | {key: word})
            if not isinstance(found, OrderReported):
                continue
            assert (found.status, found.order_id) == (whole.status, whole.order_id), (name, key)
            assert found.cum_qty == (None if key == keys.cum_qty else whole.cum_qty), (name, key)


@EVERY_VENUE
def test_a_missing_member_makes_nothing_up(of: Material) -> None:
    for name, row, keys, show in spoilt(of):
        for key in row:
            found = show({other: value for other, value in row.items() if other != key})
            if key in {keys.order_id, keys.status, keys.instrument}:
                assert not isinstance(found, OrderReported), (name, key)
            elif key == keys.cum_qty:
                assert found.cum_qty is None, name
                assert not found.cum_qty_final, name
            elif key == keys.client_order_id:
                assert (found.client_order_id, found.order_id) == (None, of.order_id), name
            elif key == keys.side:
                assert found.side is None, name


@EVERY_VENUE
def test_unknown_members_are_let_pass(of: Material) -> None:
    news = {"somethingNew": {"deep": [1, None]}, "anotherNew": "", "zzz": 1.5}
    for name, row, _, show in spoilt(of):
        assert unframed(show(row | news)) == unframed(show(row)), name


@EVERY_VENUE
def test_numbers_for_text_and_text_for_numbers_mean_the_same(of: Material) -> None:
    for name, row, _, show in spoilt(of):
        assert flipped(row) != row
        assert unframed(show(flipped(row))) == unframed(show(row)), name


@EVERY_VENUE
def test_a_long_id_is_text_or_nothing_but_never_another_id(of: Material) -> None:
    row = of.pushed["live"].row | {of.push_keys.order_id: "@@"}
    for digits in (of.order_id, str(2**63 - 1), str(2**64 - 1)):
        (item,) = decoded(of, of.push(row).replace('"@@"', digits))
        assert isinstance(item, OrderReported), digits
        assert item.order_id == digits
    (huge,) = decoded(of, of.push(row).replace('"@@"', str(2**64 + 12345)))
    assert isinstance(huge, Strange) or (isinstance(huge, OrderReported) and huge.order_id == str(2**64 + 12345))
