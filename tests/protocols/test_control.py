"""The socket's messages: every line becomes a call or the contract's error, and what goes back fits a line."""

import json
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocols.control import params as asked
from protocols.control import results
from protocols.control.calls import CALL_ID_BYTES_MAX, Call, Refused, parse
from protocols.control.encode import encoded, extended, fitting, notification, plain, refusal, reply
from protocols.control.lines import LINE_BYTES_MAX, LineSplitter, LineTooLong
from protocols.control.methods import METHODS, NOTIFICATIONS
from protocols.control.openrpc import document
from protocols.control.refusals import CODES, Reason, error_of, error_of_bad_request
from protocols.errors import BadRequest
from protocols.fix import Priority

ORDER = {"account": "okx-main", "instrument": "BTC-USDT", "order_id": "590908157585625111"}


def line(method: object = "cancel", params: object = None, **members: object) -> bytes:
    call = {"jsonrpc": "2.0", "id": 7, "method": method} | ({} if params is None else {"params": params}) | members
    return json.dumps(call).encode()


def called(text: bytes) -> Call:
    call = parse(text)
    assert isinstance(call, Call), call
    return call


def refused(text: bytes) -> Refused:
    call = parse(text)
    assert isinstance(call, Refused), call
    return call


def reason_and_path(text: bytes) -> tuple[object, object]:
    data = refused(text).error.data
    return data["reason"], data.get("path")


# ---------------------------------------------------------------- calls


def test_a_cancel_is_read_member_by_member() -> None:
    wish = ORDER | {
        "client_order_id": "mine1",
        "product": "SPOT",
        "request_id": "mm1-000042",
        "deadline_ms": 500,
        "progress": True,
        "priority": "urgent",
        "venue_params": {"cancelRestrictions": "NEW", "recvWindow": 5000, "x": True},
    }
    call = called(line(params=wish))
    assert call.id == b"7"
    params = call.params
    assert isinstance(params, asked.CancelParams)
    assert (params.account, params.instrument, params.order_id) == ("okx-main", "BTC-USDT", "590908157585625111")
    assert (params.client_order_id, params.product, params.request_id) == ("mine1", "SPOT", "mm1-000042")
    assert (params.deadline_ms, params.progress, params.priority) == (500, True, Priority.URGENT)
    assert params.venue_texts() == {"cancelRestrictions": "NEW", "recvWindow": "5000", "x": "true"}


def test_what_is_not_said_has_its_default() -> None:
    params = called(line(params=ORDER)).params
    assert isinstance(params, asked.CancelParams)
    assert (params.client_order_id, params.product, params.request_id, params.deadline_ms) == (None, None, None, None)
    assert (params.progress, params.priority, params.venue_texts()) == (False, Priority.NORMAL, {})


def test_null_is_the_same_as_absent_for_an_optional_member() -> None:
    assert called(line(params=ORDER | {"client_order_id": None, "deadline_ms": None})) == called(line(params=ORDER))


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("hello", {"client": "mm1", "version": "1.0"}),
        ("bye", None),
        ("ping", {}),
        ("cancel", ORDER),
        ("track", {"orders": [{"account": "a", "instrument": "B", "client_order_id": "c", "placed_at": 1}]}),
        ("orders", None),
        ("orders", {"account": "a", "product": "SPOT", "instrument": "B"}),
        ("status", None),
        ("history", None),
        ("history", {"request_id": "r", "from_seq": 0, "limit": 1000}),
        ("explain", {"request_id": "r"}),
        ("subscribe", {"topics": ["outcomes", "corrections", "orders", "sessions"], "from_seq": 5}),
        ("rpc.discover", None),
    ],
)
def test_every_method_of_the_contract_is_a_call(method: str, params: object) -> None:
    assert type(called(line(method, params)).params) is METHODS[method].params


@pytest.mark.parametrize("call_id", ["7", '"7"', "null", "1.50", "-0", '"\\u00e9"', "123456789012345678901234567890"])
def test_an_id_comes_back_as_it_was_written(call_id: str) -> None:
    call = called(b'{"jsonrpc":"2.0","method":"ping","id": %s }' % call_id.encode())
    assert call.id == call_id.encode()
    assert json.loads(reply(call.id, b"{}")) == {"jsonrpc": "2.0", "id": json.loads(call_id), "result": {}}


def test_a_call_without_an_id_is_nobodys_to_answer_even_when_it_is_wrong() -> None:
    assert called(b'{"jsonrpc":"2.0","method":"ping"}').id is None
    assert refused(b'{"jsonrpc":"2.0","method":"nothing"}').id is None
    assert refused(b'{"jsonrpc":"2.0","method":"cancel","params":{}}').id is None


def test_a_line_that_is_no_call_at_all_is_answered_under_null() -> None:
    assert refused(b'{"jsonrpc":"2.0"}').id == b"null"
    assert refused(b"{").id == b"null"
    assert refused(b"[]").id == b"null"


def test_a_wrong_call_is_answered_under_its_own_id() -> None:
    assert refused(line(jsonrpc="1.0")).id == b"7"
    assert refused(line("nothing")).id == b"7"


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"nonsense",
        b"\x00\xff",
        b'{"a":"\xff"}',
        b"{} {}",
        b"[1,",
        b"1 2",
        b'{"a":NaN}',
        b"[" * 60_000,
        b'{"params":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b"\xef\xbb\xbf{}",
        b'{"jsonrpc":"2.0","method":"ping","id":"\\ud800"}',
    ],
)
def test_what_is_no_json_is_a_parse_error(text: bytes) -> None:
    assert refused(text).error.code == -32700
    assert reason_and_path(text) == ("parse_error", None)


@pytest.mark.parametrize("text", [b"[]", b"[1]", b"[" + line(params=ORDER) + b"]"])
def test_a_batch_is_unsupported(text: bytes) -> None:
    assert refused(text).error.code == -32600
    assert reason_and_path(text) == ("batch_unsupported", None)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b"3", None),
        (b'"cancel"', None),
        (b"null", None),
        (b"{}", "jsonrpc"),
        (line(jsonrpc="1.0"), "jsonrpc"),
        (line(jsonrpc=2.0), "jsonrpc"),
        (line(method=5), "method"),
        (b'{"jsonrpc":"2.0","id":1}', "method"),
        (line(id={}), "id"),
        (line(id=[1]), "id"),
        (line(id=True), "id"),
        (line(id="x" * CALL_ID_BYTES_MAX), "id"),
    ],
)
def test_what_is_no_call_is_an_invalid_request(text: bytes, path: str | None) -> None:
    assert refused(text).error.code == -32600
    assert reason_and_path(text) == ("invalid_request", path)


@pytest.mark.parametrize("method", ["", "Cancel", "cancel_some", "unbind", "place", "rpc.other"])
def test_a_method_that_is_not_there_is_not_found(method: str) -> None:
    assert refused(line(method, {})).error.code == -32601
    assert reason_and_path(line(method, {})) == ("method_not_found", None)


@pytest.mark.parametrize(
    ("method", "params", "path"),
    [
        ("cancel", [1], "params"),
        ("cancel", "x", "params"),
        ("cancel", None, "account"),
        ("cancel", ORDER | {"account": ""}, "account"),
        ("cancel", ORDER | {"account": "a" * 65}, "account"),
        ("cancel", ORDER | {"order_id": 590908157585625111}, "order_id"),
        ("cancel", ORDER | {"order_id": ""}, "order_id"),
        ("cancel", ORDER | {"order_id": None}, "order_id"),
        ("cancel", ORDER | {"order_id": "1" * 129}, "order_id"),
        ("cancel", {"account": "a", "instrument": "B"}, "order_id"),
        ("cancel", ORDER | {"client_order_id": 7}, "client_order_id"),
        ("cancel", ORDER | {"request_id": "two words"}, "request_id"),
        ("cancel", ORDER | {"request_id": "r" * 65}, "request_id"),
        ("cancel", ORDER | {"request_id": ""}, "request_id"),
        ("cancel", ORDER | {"request_id": "r\n"}, "request_id"),
        ("cancel", ORDER | {"deadline_ms": 0}, "deadline_ms"),
        ("cancel", ORDER | {"deadline_ms": 60_001}, "deadline_ms"),
        ("cancel", ORDER | {"deadline_ms": 1.5}, "deadline_ms"),
        ("cancel", ORDER | {"deadline_ms": "500"}, "deadline_ms"),
        ("cancel", ORDER | {"progress": 1}, "progress"),
        ("cancel", ORDER | {"priority": "high"}, "priority"),
        ("cancel", ORDER | {"venue_params": {"x": 1.5}}, "venue_params"),
        ("cancel", ORDER | {"venue_params": {"x": {}}}, "venue_params"),
        ("cancel", ORDER | {"venue_params": {str(n): "1" for n in range(17)}}, "venue_params"),
        ("cancel", ORDER | {"venue_params": {"x": "y" * 257}}, "venue_params"),
        ("cancel", ORDER | {"venue_params": {"": "y"}}, "venue_params"),
        ("cancel", ORDER | {"orderId": "1"}, "orderId"),
        ("hello", {"client": "x"}, "version"),
        ("hello", {"client": "x\x1b[2J", "version": "1"}, "client"),
        ("hello", {"client": "x", "version": "1", "bind": {}}, "bind.scope"),
        ("ping", {"x": 1}, "x"),
        ("track", {"orders": []}, "orders"),
        ("track", {"orders": [{"account": "a", "instrument": "B"}]}, "orders[0].client_order_id"),
        ("track", {"orders": [{"account": "a", "instrument": "B", "client_order_id": "c", "z": 1}]}, "orders[0].z"),
        (
            "track",
            {
                "orders": [
                    {"account": "a", "instrument": "B", "client_order_id": "c"},
                    {"account": "a", "instrument": "B", "client_order_id": 5},
                ]
            },
            "orders[1].client_order_id",
        ),
        ("history", {"limit": 1001}, "limit"),
        ("history", {"from_seq": -1}, "from_seq"),
        ("explain", {}, "request_id"),
        ("subscribe", {"topics": []}, "topics"),
        ("subscribe", {"topics": ["outcomes", "fills"]}, "topics[1]"),
    ],
)
def test_wrong_params_are_named_by_their_path(method: str, params: object, path: str) -> None:
    error = refused(line(method, params)).error
    assert error.code == -32602
    assert (error.data["reason"], error.data["path"]) == ("invalid_params", path)
    assert error.message.startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        (
            "cancel",
            ORDER | {"priority": "high"},
            "priority: invalid enum value 'high'; known are normal, urgent",
        ),
        (
            "subscribe",
            {"topics": ["outcomes", "fills"]},
            "topics[1]: invalid enum value 'fills'; known are outcomes, corrections, orders, sessions",
        ),
        (
            "cancel_batch",
            {"items": [ORDER, ORDER | {"priority": "high"}]},
            "items[1].priority: invalid enum value 'high'; known are normal, urgent",
        ),
        (
            "history",
            {"outcome": "x" * (LINE_BYTES_MAX // 2)},
            "; known are canceled, filled, rejected, in_doubt, unknown_order, not_sent",
        ),
    ],
)
def test_a_word_that_is_not_known_is_refused_with_those_that_are(method: str, params: object, message: str) -> None:
    assert refused(line(method, params)).error.message.endswith(message)


def test_a_name_of_other_characters_is_refused_in_words() -> None:
    for method, params, path in (
        ("hello", {"client": "\x1b[31m", "version": "1"}, "client"),
        ("cancel", ORDER | {"request_id": "a b"}, "request_id"),
    ):
        message = refused(line(method, params)).error.message
        assert message.startswith(f"{path}: expected 1 to 64 ")
        assert "[" not in message


def test_an_error_repeats_little_of_a_clients_own_text() -> None:
    long = "x" * (LINE_BYTES_MAX - 200)
    for text in (
        line(long),
        line(params=ORDER | {long: 1}),
        line("subscribe", {"topics": [long]}),
        line("hello", {long: 1, "client": "x", "version": "1"}),
    ):
        assert len(refusal(b"7", refused(text).error)) < 2000


def test_every_reason_of_the_contract_has_its_code() -> None:
    standard = {
        "parse_error": -32700,
        "invalid_request": -32600,
        "batch_unsupported": -32600,
        "method_not_found": -32601,
        "invalid_params": -32602,
        "internal_error": -32603,
    }
    ours = {
        "line_too_long",
        "unknown_account",
        "account_not_ready",
        "not_allowed",
        "request_id_conflict",
        "too_many_in_flight",
        "too_fast",
        "journal_unavailable",
        "shutting_down",
        "answer_too_long",
    }
    assert dict(CODES) == standard | dict.fromkeys(ours, -32000)


def test_a_refusal_from_within_keeps_its_path_and_its_data() -> None:
    refusal_from_within = BadRequest("account_not_ready", "its key was refused", path="account", state="auth_failed")
    written = json.loads(refusal(b'"x"', error_of_bad_request(refusal_from_within)))
    assert written == {
        "jsonrpc": "2.0",
        "id": "x",
        "error": {
            "code": -32000,
            "message": "account: its key was refused",
            "data": {"reason": "account_not_ready", "path": "account", "state": "auth_failed"},
        },
    }


def test_the_data_of_a_refusal_cannot_hide_its_reason() -> None:
    assert error_of("too_fast", "slower", data={"reason": "other"}).data["reason"] == "too_fast"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
call_members = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | json_values,
        "id": json_values,
        "method": st.sampled_from(sorted(METHODS)) | json_values,
        "params": st.dictionaries(
            st.sampled_from([*asked.CancelParams.__struct_fields__, "topics", "orders", "limit"]), json_values
        )
        | json_values,
    },
)


@given(st.binary(max_size=200) | call_members.map(lambda call: json.dumps(call).encode()))
@example(b'{"jsonrpc":"2.0","id":1,"method":"cancel","params":{"account":"\\ud800"}}')
def test_no_line_breaks_the_parser_and_every_error_fits_a_line(text: bytes) -> None:
    call = parse(text)
    if isinstance(call, Refused):
        answer = refusal(call.id or b"null", call.error)
        assert json.loads(answer)["error"]["data"]["reason"] in set(Reason)
        assert len(answer) <= LINE_BYTES_MAX
    else:
        assert call.id is None or json.loads(call.id) == json.loads(text)["id"]


# ---------------------------------------------------------------- lines


@given(st.lists(st.binary(max_size=30).filter(lambda part: b"\n" not in part)), st.lists(st.integers(0, 300)))
def test_lines_do_not_depend_on_how_the_stream_was_cut(parts: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(part + b"\n" for part in parts) + b"half"
    bounds = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    splitter = LineSplitter()
    chunks = [stream[start:end] for start, end in pairwise(bounds)]
    found = [found for chunk in chunks for found in splitter.feed(chunk)]
    assert found == [part.removesuffix(b"\r") for part in parts]
    assert splitter.rest() == b"half"
    assert splitter.rest() == b""


@pytest.mark.parametrize("chunk", [1, 1000, LINE_BYTES_MAX, 10 * LINE_BYTES_MAX])
def test_a_line_at_the_limit_passes_and_one_byte_more_does_not(chunk: int) -> None:
    def feed(stream: bytes) -> list[bytes]:
        splitter = LineSplitter()
        return [
            found for start in range(0, len(stream), chunk) for found in splitter.feed(stream[start : start + chunk])
        ]

    longest = b"x" * LINE_BYTES_MAX
    assert feed(b"a\n" + longest + b"\nb\n") == [b"a", longest, b"b"]
    with pytest.raises(LineTooLong):
        feed(b"a\n" + longest + b"x\n")
    with pytest.raises(LineTooLong):
        feed(longest + b"x")


def test_the_lines_before_a_long_one_are_given() -> None:
    lines = LineSplitter().feed(b"a\nb\n" + b"x" * (LINE_BYTES_MAX + 1))
    assert [next(lines), next(lines)] == [b"a", b"b"]
    with pytest.raises(LineTooLong):
        next(lines)


# ---------------------------------------------------------------- what goes back


@pytest.mark.parametrize(
    ("quantity", "text"),
    [("1E-8", "0.00000001"), ("1E+3", "1000"), ("0.50", "0.50"), ("0", "0"), ("123456789.123456789", None)],
)
def test_quantities_are_written_plainly(quantity: str, text: str | None) -> None:
    assert plain(Decimal(quantity)) == (text or quantity)


def test_an_unknown_quantity_is_null_and_never_zero() -> None:
    assert plain(None) is None


def test_members_are_added_to_an_encoded_object() -> None:
    body = extended(encoded(results.Tracked(2)), previous=results.PreviousSeen("in_doubt", None), n=1)
    assert json.loads(body) == {"tracked": 2, "previous": {"outcome": "in_doubt", "cum_qty": None}, "n": 1}


def test_a_notification_has_no_id() -> None:
    line_out = notification("gap", encoded(results.Gap("outcomes", 3, 9)))
    assert line_out.endswith(b"}\n")
    assert json.loads(line_out) == {
        "jsonrpc": "2.0",
        "method": "gap",
        "params": {"topic": "outcomes", "from_seq": 3, "to_seq": 9},
    }


@given(st.lists(st.binary(min_size=1, max_size=20)), st.integers(-5, 100))
def test_a_page_takes_the_most_rows_that_fit_from_the_front(rows: list[bytes], bytes_max: int) -> None:
    taken = [bytes(row) for row in fitting(rows, bytes_max)]
    assert taken == rows[: len(taken)]
    assert not taken or sum(map(len, taken)) + len(taken) <= bytes_max
    if len(taken) < len(rows):
        assert sum(map(len, rows[: len(taken) + 1])) + len(taken) + 1 > bytes_max


# ---------------------------------------------------------------- the socket described by itself


def test_the_description_names_every_method_with_its_params() -> None:
    described = document("1.2.3")
    written = msgspec.json.encode(described)
    assert len(written) < LINE_BYTES_MAX - 500
    read = json.loads(written)
    assert (read["openrpc"], read["info"]) == ("1.3.2", {"title": "canceld", "version": "1.2.3"})
    methods = {method["name"]: method for method in read["methods"]}
    assert set(methods) == set(METHODS)
    cancel = {param["name"]: param for param in methods["cancel"]["params"]}
    assert set(cancel) == set(asked.CancelParams.__struct_fields__)
    assert {name for name, param in cancel.items() if param["required"]} == {"account", "instrument"}
    assert [told["name"] for told in read["x-notifications"]] == list(NOTIFICATIONS)


def test_every_reference_of_the_description_leads_somewhere() -> None:
    read = json.loads(msgspec.json.encode(document("1")))

    def references(value: object) -> list[str]:
        match value:
            case {"$ref": str(reference)}:
                return [reference]
            case dict():
                return [found for inner in value.values() for found in references(inner)]
            case list():
                return [found for inner in value for found in references(inner)]
        return []

    found = references(read)
    assert found
    for reference in found:
        place = read
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
