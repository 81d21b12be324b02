"""Bitget's code tables: whole, read by road, and never an outcome."""

import pytest

from protocols.dialect import RefusalKind
from protocols.evidence import Proof, Remedy
from protocols.fix import Road
from protocols.venues.bitget.codes import CODES, SOCKET_CODES, UNLISTED, account_refusal, row_of

P = Proof

# What each code of the pages' tables proves by REST, written down a second time and by hand.
PROOFS = {
    P.ACCEPTED: "0 00000",
    P.GONE: "22001 24056 25204 31007 31054 40109 40768 40819 43001 43004 43020 43025 43026 43033 45031 45057 45134 "
    "50062 80011",
    P.IN_PROGRESS: "25113",
    P.UNKNOWN: "25653 45055 45024 45129 40846 40847 25003 40908 25000 25001 40910 40010 40725 40015 45001 40808 40200 "
    "45110 43027 40774 25202 25203",
    P.UNCHANGED_RETRY: "25114 41114 25102 25106 22067 429 25004 70228 59044 40008 40006 40009 40011 "
    "40012 40037 40018 40036 40038 22030 40912",
    P.UNCHANGED_FINAL: "45056 45125 45126 40017 400172 40020 40034 40402 40409 40924 41101 41103 25200 40014 "
    "40301 25620 40919 40085 25245",
}
SESSION = "30001 30002 30003 30004 30005 30006 30007 30011 30012 30013 30014 30015 30016 30017 30033"
ON_SOCKET = {
    Remedy.LEAVE_ROAD: "40014 40301 25620 40919 30002 30003",
    Remedy.OTHER_ROAD: "40017 400172 40020 40034 40402 40409 40924 41101 41103 25200 30001 30016",
    Remedy.BACK_OFF: "429 25004 70228 59044 30006 30007",
    Remedy.LOG_IN: "30004",
    Remedy.RESYNC_CLOCK: "40008 30013 30014",
}


@pytest.mark.parametrize(
    ("proof", "code"), [(proof, code) for proof, codes in PROOFS.items() for code in codes.split()]
)
def test_a_code_proves_what_the_page_says_and_no_more(proof: Proof, code: str) -> None:
    assert CODES[code].proof is proof
    assert CODES[code].meaning
    assert CODES[code].page


def test_the_tables_hold_no_code_that_was_not_read_twice() -> None:
    assert set(CODES) == {code for codes in PROOFS.values() for code in codes.split()}
    assert set(SOCKET_CODES) == set(SESSION.split())


def test_what_is_to_be_mended_is_said_where_it_can_be() -> None:
    both = {**SOCKET_CODES, **CODES}
    for remedy, codes in ON_SOCKET.items():
        found = {code for code, row in both.items() if row.remedy_on(Road.WS) is remedy}
        assert found == set(codes.split()), remedy


@pytest.mark.parametrize("code", ["40014", "40301", "25620", "40919"])
def test_without_the_permission_a_socket_is_left_and_rest_says_no(code: str) -> None:
    row = row_of(code, Road.WS)
    assert (row.proof_on(Road.WS), row.remedy_on(Road.WS)) == (P.UNCHANGED_RETRY, Remedy.LEAVE_ROAD)
    assert (row.proof_on(Road.REST), row.remedy_on(Road.REST)) == (P.UNCHANGED_FINAL, Remedy.ALARM)


@pytest.mark.parametrize("code", ["99999", "", "0x", "4300", "430010", "30007"])
def test_an_unlisted_code_proves_nothing_and_the_sessions_family_is_not_rests(code: str) -> None:
    assert row_of(code, Road.REST) is UNLISTED
    assert UNLISTED.proof is Proof.UNKNOWN


def test_a_timeout_is_no_trouble_with_credentials() -> None:
    assert row_of("40010").proof is Proof.UNKNOWN
    assert account_refusal("40010") is None


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("40009", RefusalKind.CREDENTIALS),
        ("40018", RefusalKind.CREDENTIALS),
        ("22030", RefusalKind.CREDENTIALS),
        ("40008", RefusalKind.CLOCK),
        ("40085", RefusalKind.ACCOUNT),
        ("25245", RefusalKind.ACCOUNT),
        ("40014", None),
        ("429", None),
        ("43001", None),
        ("30015", None),  # a login's code says nothing on REST
        ("77777", None),
    ],
)
def test_only_a_keys_a_clocks_and_an_accounts_trouble_concern_the_account(code: str, kind: RefusalKind | None) -> None:
    assert account_refusal(code) is kind
