"""The code table: whole, read the same by both roads, and never an outcome."""

import pytest

from protocols.dialect import RefusalKind
from protocols.evidence import Proof, Remedy
from protocols.venues.okx.codes import CODES, UNLISTED, account_refusal, row_of

P = Proof

# What each code of the page's tables proves, written down a second time and by hand.
PROOFS = {
    P.ACCEPTED: "0",
    P.GONE: "51400 51401 51402 51405 51063 51603 51503 51509 51510",
    P.IN_PROGRESS: "51410",
    P.UNKNOWN: "1 2 51412 51149 50001 50004 50005 50026 50013 50042 64007 64008 60001 60002 60003 60004 60005 60006 "
    "60007 60009 60023 60024 60026 60031 60032 63999 60018 64000 64001 64002 64003 51071 54008",
    P.UNCHANGED_RETRY: "51001 51404 51406 51022 51029 51030 54048 50011 50040 60014 50061 50014 50009 50017 50018 "
    "50019 50020 50021 50022 50023 50102 50112 60011 60012 60013 60019 60027 60028 60033 "
    "50100 50101 50103 50104 50105 50110 50111 50113 50114 50119 50120 50106",
    P.UNCHANGED_FINAL: "51403 51413 51416 51407 51003 51411 51000 51015 51408 50000 50002 50006 50015 50016 50007 "
    "50012 50027 50029 50030 51024 50107 50108 50109",
}  # fmt: skip
REMEDIES = {
    Remedy.REFRESH_REFERENCE: "51001",
    Remedy.BACK_OFF: "50011 50013 50040 50061 60014 60023",
    Remedy.LOG_IN: "60011",
    Remedy.RESYNC_CLOCK: "50102 50112 60006",
    Remedy.OTHER_ROAD: "50014 60012 60013 60019 60027 60028 60033",
}
KINDS = {
    RefusalKind.CREDENTIALS: "60001 60002 60003 60005 60007 60009 60024 60032 50100 50101 50103 50104 50105 50106 "
    "50110 50111 50113 50114 50119 50120",
    RefusalKind.CLOCK: "60006 50102 50112",
    RefusalKind.BUSY: "60014 60023 63999 64007",
    RefusalKind.SEQUENCE: "60011 60031",
    RefusalKind.BROKEN: "60004 60026 60012 60013 60018 60027 60033 64000 64001 64002 64003",
}  # fmt: skip


@pytest.mark.parametrize(
    ("proof", "code"), [(proof, code) for proof, codes in PROOFS.items() for code in codes.split()]
)
def test_a_code_proves_what_the_page_says_and_no_more(proof: Proof, code: str) -> None:
    assert CODES[code].proof is proof
    assert CODES[code].meaning


def test_the_table_holds_no_code_that_was_not_read_twice() -> None:
    assert set(CODES) == {code for codes in PROOFS.values() for code in codes.split()}


def test_what_is_to_be_mended_is_said_where_it_can_be() -> None:
    for remedy, codes in REMEDIES.items():
        assert {code for code, row in CODES.items() if row.remedy is remedy} == set(codes.split()), remedy


def test_why_a_login_or_subscription_failed_is_said() -> None:
    for kind, codes in KINDS.items():
        assert {code for code, row in CODES.items() if row.refusal is kind} == set(codes.split()), kind


@pytest.mark.parametrize("code", ["99999", "", "0x", "5140", "514000", "_51400"])
def test_an_unlisted_code_proves_nothing(code: str) -> None:
    assert row_of(code, CODES) is UNLISTED
    assert UNLISTED.proof is Proof.UNKNOWN


def test_a_suffix_is_a_finer_word_for_the_same_code() -> None:
    assert row_of("51400_1000", CODES) is CODES["51400"]
    assert row_of("51008_1000", CODES) is UNLISTED


def test_a_row_with_a_suffix_of_its_own_goes_before() -> None:
    own = CODES["51410"]
    assert row_of("51400_7", {**CODES, "51400_7": own}) is own


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("50113", RefusalKind.CREDENTIALS),
        ("50110", RefusalKind.CREDENTIALS),
        ("50102", RefusalKind.CLOCK),
        ("50112", RefusalKind.CLOCK),
        ("50011", None),
        ("51400", None),
        ("60005", None),  # a login's code says nothing on REST
        ("60014", None),
        ("77777", None),
    ],
)
def test_only_a_keys_and_a_clocks_trouble_concern_the_account(code: str, kind: RefusalKind | None) -> None:
    assert account_refusal(code, CODES) is kind
