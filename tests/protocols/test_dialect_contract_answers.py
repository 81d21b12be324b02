"""The same questions to every dialect, the rest of them: answers to cancels, ids, and questions about orders."""

from __future__ import annotations

import orjson
import pytest

from protocols.dialect import LoggedIn, Role, Strange, Uncorrelated
from protocols.errors import BadRequest, RemoteError
from protocols.evidence import Absence, CancelAnswered, OrderReported, Proof, QuestionFailed, Step
from protocols.fix import OrdStatus, Road
from protocols.rest import RestResponse
from tests.protocols.material.kit import SEND_ID, Material, flipped_text
from tests.protocols.material.verbs import (
    CREDENTIALS,
    EVERY_ENTRY,
    EVERY_VENUE,
    NOW_US,
    asked,
    decoded,
    dialect_of,
    plan_of,
    question,
    wire,
)

# ---------------------------------------------------------------- cancels


@EVERY_ENTRY
def test_a_cancel_by_socket_names_its_order_by_one_id_and_the_orders_own_goes_before(of: Material) -> None:
    def written(ids: str) -> str | None:
        return dialect_of(of).cancel_frame(wire(of, Road.WS, ids), {of.instrument: "10459"})

    by_order_id, by_alias = written("order_id") or "", written("client_order_id") or ""
    assert (of.order_id in by_order_id, SEND_ID in by_order_id) == (True, True)
    assert (of.client_order_id in by_alias, of.order_id in by_alias) == (True, False)
    assert written("order_id client_order_id") == by_order_id


@EVERY_VENUE
def test_a_cancel_by_rest_names_its_order_by_one_id_and_the_orders_own_goes_before(of: Material) -> None:
    def written(ids: str) -> str:
        call = dialect_of(of).cancel_call(wire(of, Road.REST, ids))
        assert (call.operation, call.signed) == (dialect_of(of).traits.cancel_operation, True)
        return call.body.decode() + repr(call.query)

    assert of.order_id in written("order_id")
    assert of.client_order_id in written("client_order_id")
    assert of.order_id not in written("client_order_id")
    assert written("order_id client_order_id") == written("order_id")


@EVERY_VENUE
def test_a_venue_without_order_entry_by_socket_writes_no_frame(of: Material) -> None:
    dialect = dialect_of(of)
    frame = dialect.cancel_frame(wire(of, Road.WS), {of.instrument: "10459"})
    assert (frame is not None) == (Road.WS in dialect.traits.roads)
    assert any(Role.ORDER_ENTRY in plan.roles for plan in dialect.sockets()) == (frame is not None)


@EVERY_VENUE
def test_ids_outside_the_venues_alphabet_and_unknown_parameters_are_refused_by_their_path(of: Material) -> None:
    check = dialect_of(of).check_cancel
    check(of.order_id, of.client_order_id, of.instrument, {})
    wrong: list[tuple[str | None, str | None, dict[str, str], str]] = [(None, None, {}, "order_id")]
    wrong += [(order_id, None, {}, "order_id") for order_id in of.wrong_order_ids]
    wrong += [(None, alias, {}, "client_order_id") for alias in of.wrong_client_order_ids]
    wrong += [(of.order_id, None, {"noSuch": "1"}, "venue_params.noSuch")]
    for order_id, alias, params, path in wrong:
        with pytest.raises(BadRequest) as refused:
            check(order_id, alias, of.instrument, params)
        assert refused.value.path == path, (order_id, alias)


@EVERY_VENUE
def test_there_is_an_answer_of_every_kind_that_the_venue_can_give(of: Material) -> None:
    assert set(of.answers) | of.lacks == set(Proof)
    assert not set(of.answers) & of.lacks


@EVERY_ENTRY
def test_an_answer_by_socket_proves_what_its_code_says_and_never_an_end(of: Material) -> None:
    plan = plan_of(of, Role.ORDER_ENTRY)
    for proof, told in [*of.answers.items(), (Proof.UNKNOWN, of.unlisted)]:
        assert told.frame is not None
        for raw in (told.frame, flipped_text(told.frame)):
            (item,) = dialect_of(of).decode(plan, raw)
            assert isinstance(item, CancelAnswered), raw
            assert (item.send_id, item.road, item.proof, item.code) == (SEND_ID, Road.WS, proof, told.code), raw
            assert item.order_id in {of.order_id, None}
            assert item.client_order_id in {of.client_order_id, None}


@EVERY_VENUE
def test_an_answer_by_rest_proves_what_its_code_says(of: Material) -> None:
    dialect, cancel = dialect_of(of), wire(of, Road.REST)
    for proof, told in [*of.answers.items(), (Proof.UNKNOWN, of.unlisted)]:
        for raw in (told.response.body, flipped_text(told.response.body).encode()):
            item = dialect.read_cancel(cancel, RestResponse(told.response.status, raw))
            assert (item.send_id, item.road, item.proof) == (SEND_ID, Road.REST, proof), raw
            assert proof is Proof.ACCEPTED or item.code == told.code
            assert item.order_id in {of.order_id, None}


@EVERY_VENUE
@pytest.mark.parametrize("status", [500, 502, 503, 504, 522])
def test_a_failing_server_proves_nothing_about_a_cancel_and_answers_no_question(of: Material, status: int) -> None:
    dialect = dialect_of(of)
    bodies = [told.response.body for told in of.answers.values()] + [b"", b"<html>", of.not_found.body]
    for raw in bodies:
        assert dialect.read_cancel(wire(of, Road.REST), RestResponse(status, raw)).proof is Proof.UNKNOWN
        assert isinstance(asked(of, RestResponse(status, raw)), QuestionFailed)


@EVERY_VENUE
def test_what_is_no_answer_proves_nothing(of: Material) -> None:
    dialect = dialect_of(of)
    for raw in (b"", b"null", b"[]", b"{}", b"<html>", b"\xff\xfe", b'{"data":[]}', b'{"data":{}}'):
        response = RestResponse(200, raw)
        assert dialect.read_cancel(wire(of, Road.REST), response).proof is Proof.UNKNOWN, raw
        for step in dialect.traits.ladder:
            assert isinstance(asked(of, response, step=step), QuestionFailed), (raw, step)
        for read in (dialect.read_clock, dialect.read_identity):
            with pytest.raises(RemoteError):
                read(response)


@EVERY_ENTRY
def test_an_error_that_names_no_cancel_is_tied_to_none(of: Material) -> None:
    assert of.nameless
    for raw in of.nameless:
        items = decoded(of, raw, Role.ORDER_ENTRY)
        assert sum(isinstance(item, Uncorrelated) for item in items) == 1, raw
        assert not any(isinstance(item, CancelAnswered | OrderReported) for item in items)


@EVERY_VENUE
def test_no_frame_is_too_strange_to_be_read(of: Material) -> None:
    whole = [*of.logins, *(frame for frame, _ in of.subscribe_refusals), of.push(of.pushed["canceled"].row)]
    whole += [told.frame for told in of.answers.values() if told.frame is not None]
    for plan in dialect_of(of).sockets():
        for raw in whole:
            for end in range(len(raw)):
                items = dialect_of(of).decode(plan, raw[:end])
                assert items
                assert not any(isinstance(item, OrderReported | CancelAnswered | LoggedIn) for item in items)
        for junk in ("", "null", "[]", "{}", "7", '"pong"', b"\x1f\x8b\x08\x00junk", b"\xff\xfe"):
            (item,) = dialect_of(of).decode(plan, junk)
            assert isinstance(item, Strange), junk


# ---------------------------------------------------------------- questions


@EVERY_VENUE
def test_every_step_of_the_ladder_is_a_call_with_a_rate_rule(of: Material) -> None:
    dialect = dialect_of(of)
    ruled = {operation for rule in dialect.traits.rate_rules for operation in rule.operations}
    assert dialect.traits.cancel_operation in ruled
    assert Step.ORDER in dialect.traits.ladder
    assert Step.OPEN_ORDERS in dialect.traits.ladder
    for step in dialect.traits.ladder:
        call = dialect.question_call(question(of, step), None)
        assert {call.operation, dialect.traits.question_operations[step]} <= ruled | {call.operation}
        assert call.signed
        signed = dialect.sign(call, CREDENTIALS, NOW_US)
        assert "secret-0001" not in repr((signed.method, signed.target, signed.headers, signed.body))
    assert all(rule.page for rule in dialect.traits.rate_rules)


@EVERY_VENUE
def test_an_order_that_the_venue_lacks_is_denied_where_it_would_have_been_shown(of: Material) -> None:
    by_order_id, by_alias = asked(of, of.not_found), asked(of, of.not_found, "client_order_id")
    assert (by_order_id.reports, by_order_id.absence) == ((), Absence.DENIES)
    assert (by_alias.reports, by_alias.absence) == ((), of.alias_absence)


@EVERY_VENUE
def test_an_answer_about_another_order_is_none_about_ours(of: Material) -> None:
    row = of.queried["canceled"].row
    for ids, key in (("order_id", of.answer_keys.order_id), ("client_order_id", of.answer_keys.client_order_id)):
        assert isinstance(asked(of, of.answer(row | {key: "1"}), ids), QuestionFailed)
        found = asked(of, of.answer(row), ids)
        assert [report.status for report in found.reports] == [OrdStatus.CANCELED]


@EVERY_VENUE
def test_a_refused_question_is_no_answer(of: Material) -> None:
    for told in (of.answers[Proof.UNKNOWN], of.answers[Proof.UNCHANGED_FINAL], of.unlisted):
        assert isinstance(asked(of, told.response), QuestionFailed)


@EVERY_VENUE
def test_the_bytes_of_every_frame_are_kept_with_what_was_read_from_them(of: Material) -> None:
    raw = of.push(of.pushed["canceled"].row)
    (item,) = decoded(of, raw)
    assert isinstance(item, OrderReported)
    assert item.frame is not None
    assert item.frame.raw == raw.encode()
    assert decoded(of, raw.encode()) == (item,)
    assert orjson.loads(raw) == orjson.loads(item.frame.raw)
