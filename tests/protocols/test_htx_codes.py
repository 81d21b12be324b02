"""The code tables, held against the venue's pages: every code has its row, and none ends an order."""

import pytest

from protocols.dialect import RefusalKind
from protocols.evidence import CancelAnswered, Proof, Remedy
from protocols.fix import Road
from protocols.rest import RestResponse
from protocols.venues.htx.codes import CODES, CONTROL, row_of
from tests.protocols.htx_material import HTX, REFUSED, answer, body, changed, wire

PROOFS = {
    Proof.ACCEPTED: "200",
    Proof.GONE: "1017 1061 1051 1063 1071",
    Proof.IN_PROGRESS: "1062",
    Proof.UNKNOWN: ("1000 1001 1002 1003 1108 1004 1005 1047 1057 1058 1060 1077 1078 1079 1080 1411 1083 1431"),
    Proof.UNCHANGED_RETRY: (
        "1032 1052 429 1056 1059 1084 12001 1113 1205 1220 1228 403 1253 "
        "12002 12003 12004 12005 12006 12007 12008 12009"
    ),
    Proof.UNCHANGED_FINAL: ("1030 1031 1065 1066 1067 1013 1014 1332 1088 1408 1510 4002 4003 4004 4005 6002 6023"),
}
CONTROLS = "0 2001 2002 2003 2004 2005 2007 2010 2011 2012 2013 2014 2020 2021 2030 2040"


def test_the_table_has_a_row_for_every_code_of_the_pages_and_no_other() -> None:
    expected = {code: proof for proof, codes in PROOFS.items() for code in codes.split()}
    assert {code: row.proof for code, row in CODES.items()} == expected
    assert set(CONTROL) == set(CONTROLS.split())


@pytest.mark.parametrize("code", list(CODES))
def test_a_code_proves_the_same_on_both_roads(code: str) -> None:
    by_socket = answer(changed(REFUSED, code=int(code)))
    by_rest = HTX.read_cancel(wire(), body(code=int(code)))
    assert by_socket.proof is by_rest.proof is CODES[code].proof
    assert by_socket.remedy is by_rest.remedy is CODES[code].remedy
    assert (by_socket.road, by_rest.road) == (Road.WS, Road.REST)


@pytest.mark.parametrize("code", ["2011", "2012", "2014", "9999", "51400"])
def test_an_unlisted_code_proves_nothing_and_is_shown_to_somebody(code: str) -> None:
    found = answer(changed(REFUSED, code=code))
    assert (found.proof, found.remedy) == (Proof.UNKNOWN, Remedy.ALARM)


def test_a_clock_that_is_off_is_mended_and_a_key_is_not() -> None:
    assert (row_of("12001").remedy, row_of("12001").refusal) == (Remedy.RESYNC_CLOCK, RefusalKind.CLOCK)
    assert row_of("12005").refusal is RefusalKind.CREDENTIALS


# ---------------------------------------------------------------- REST answers


def read(response: RestResponse) -> CancelAnswered:
    return HTX.read_cancel(wire(), response)


def test_an_accepted_cancel_by_rest_keeps_every_field_of_the_page() -> None:
    page = (
        b'{"code":200,"data":{"client_order_id":"1329854625038651392","order_id":"1329854625038651392"},'
        b'"message":"Success","ts":1737104050245}'
    )
    found = read(RestResponse(200, page))
    assert (found.proof, found.order_id, found.client_order_id) == (Proof.ACCEPTED, "1329854625038651392", None)
    assert found.fields == {
        "code": "200",
        "message": "Success",
        "ts": "1737104050245",
        "order_id": "1329854625038651392",
        "client_order_id": "1329854625038651392",
    }


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
def test_a_gateways_status_proves_nothing_whatever_the_body_says(status: int) -> None:
    assert read(body({"order_id": "1"}, status=status)).proof is Proof.UNKNOWN
    assert read(body(code=1030, status=status)).proof is Proof.UNKNOWN


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"{}", b'{"status":"ok"}', b'{"code":200,"data":[1,2]}'])
def test_a_body_that_cannot_be_read_proves_nothing(raw: bytes) -> None:
    assert read(RestResponse(200, raw)).proof is Proof.UNKNOWN


def test_the_limiter_and_the_doorkeeper_stand_before_what_could_act() -> None:
    limited = read(RestResponse(429, b"slow down"))
    assert (limited.proof, limited.remedy) == (Proof.UNCHANGED_RETRY, Remedy.BACK_OFF)
    turned_away = read(RestResponse(403, b"<html>"))
    assert (turned_away.proof, turned_away.code) == (Proof.UNCHANGED_RETRY, "403")
    assert HTX.refusal_of(turned_away.code) is RefusalKind.CREDENTIALS


def test_an_acceptance_with_another_status_is_none() -> None:
    assert read(body({"order_id": "1"}, status=404)).proof is Proof.UNKNOWN


def test_refusals_before_v5_have_the_old_shape() -> None:
    found = read(RestResponse(200, b'{"status":"error","err_code":12001,"err_msg":"Invalid submission time.","ts":1}'))
    assert (found.code, found.proof, found.message) == ("12001", Proof.UNCHANGED_RETRY, "Invalid submission time.")
