"""What waits to be written: a receipt overtakes what nobody waits for, and no case's story is written out of order."""

from hypothesis import given
from hypothesis import strategies as st

from daemon.core.records import CaseId, Record
from daemon.edge.journal.backlog import (
    BEHIND_RECORDS_MAX,
    HEAVY_RECORDS_MAX,
    LATE_S,
    LINGER_MAX_S,
    LINGER_S,
    QUICK_RECORDS_MAX,
    TRANSACTION_RECORDS_MAX,
    Backlog,
    Group,
)
from daemon.edge.journal.rows import Rows
from tests.edge.journal_world import bulk_meant, bulk_opened, concluded, moved, observed, opened


def waited_for(*records: Record) -> Group:
    return Group(records, lambda _: None, 0)


def behind(*records: Record) -> Group:
    return Group(records, None, 0)


def backlog_of(*groups: Group) -> Backlog[Group]:
    backlog = Backlog[Group]()
    for group in groups:
        backlog.put(group, 0.0)
    return backlog


def all_of(backlog: Backlog[Group], now_s: float = 0.0) -> list[Group]:
    """Take transaction by transaction until nothing is given any more."""
    taken: list[Group] = []
    while some := backlog.take(now_s):
        taken += some
    return taken


def test_a_receipt_overtakes_what_nobody_waits_for() -> None:
    told, receipt = behind(observed("c1")), waited_for(opened("b", case="c2"))
    backlog = backlog_of(told, receipt)
    assert all_of(backlog) == [receipt]
    assert backlog
    assert all_of(backlog, LINGER_S) == [told]
    assert not backlog


def test_a_request_that_nobody_waits_for_stays_behind_too_and_goes_after_what_a_bulk_cancel_found() -> None:
    request, wish, found = behind(opened("b/1")), behind(bulk_opened("b")), waited_for(bulk_meant("b", "o1"))
    backlog = backlog_of(wish, found, request)
    assert all_of(backlog) == [wish, found]
    assert all_of(backlog, LINGER_S) == [request]


def test_what_nobody_waits_for_lingers_and_says_until_when() -> None:
    backlog = backlog_of(behind(observed("c1")))
    assert backlog.due_s() == LINGER_S
    assert backlog.take(LINGER_S / 2) == []
    assert len(backlog.take(LINGER_S / 2, is_last=True)) == 1
    assert backlog.due_s() is None


def test_what_nobody_waits_for_stays_behind_while_more_of_it_comes_but_not_for_ever() -> None:
    backlog = backlog_of(first := behind(observed("c0")))
    now_s = 0.0
    while now_s + LINGER_S / 2 < LINGER_MAX_S:
        now_s += LINGER_S / 2
        backlog.put(behind(observed("c1")), now_s)
        assert backlog.take(now_s) == []
    assert backlog.due_s() == LINGER_MAX_S
    assert backlog.take(LINGER_MAX_S)[0] is first


def test_a_receipt_of_the_same_case_goes_after_what_came_before_it() -> None:
    told, receipt = behind(observed("c1")), waited_for(opened("b", case="c1"))
    later = behind(observed("c1"))
    assert all_of(backlog_of(told, receipt, later)) == [told, receipt]


def test_a_receipt_does_not_let_the_news_of_its_own_case_go_first() -> None:
    receipt, told = waited_for(opened("b", case="c1")), behind(observed("c1"))
    assert all_of(backlog_of(receipt, told), LINGER_S) == [receipt, told]


def test_a_receipt_for_a_case_that_a_request_moved_into_goes_after_the_move() -> None:
    move, receipt = behind(moved("a", "c1", "c2")), waited_for(opened("b", case="c2"))
    assert all_of(backlog_of(move, receipt)) == [move, receipt]


def test_an_outcome_that_somebody_waits_for_overtakes_none_that_was_told() -> None:
    told, doubtful = behind(concluded("a", 1)), waited_for(concluded("b", 2))
    assert all_of(backlog_of(told, doubtful)) == [told, doubtful]


def test_a_receipt_that_says_an_outcome_overtakes_none() -> None:
    told, known = behind(concluded("a", 1)), waited_for(opened("b"), concluded("b", 2))
    assert all_of(backlog_of(told, known)) == [told, known]


def test_the_wish_of_a_bulk_cancel_and_rows_without_records_never_stay_behind() -> None:
    wish, rows = behind(bulk_opened("b")), Group((), None, 0, rows=Rows())
    assert all_of(backlog_of(wish, rows)) == [wish, rows]


def test_a_receipt_overtakes_what_is_no_receipt_and_what_that_waits_for() -> None:
    told = behind(concluded("a", 1))
    first, doubtful, last = waited_for(opened("b")), waited_for(concluded("c", 2)), waited_for(opened("d"))
    assert all_of(backlog_of(told, first, doubtful, last)) == [first, last, told, doubtful]


def of_a_bulk(name: str, records: int = QUICK_RECORDS_MAX + 1) -> Group:
    return waited_for(*(opened(f"{name}/{number}") for number in range(records)))


def test_a_lone_receipt_overtakes_those_of_a_bulk_cancel_which_go_by_few_at_a_time() -> None:
    bulk = [of_a_bulk(f"b{number}", HEAVY_RECORDS_MAX // 4) for number in range(16)]
    backlog = backlog_of(*bulk)
    assert backlog.take(0.0) == bulk[:4]
    lone = [waited_for(opened(f"r{number}")) for number in range(3)]
    for receipt in lone[:2]:
        backlog.put(receipt, 0.0)
    assert backlog.take(0.0) == lone[:2]
    backlog.put(lone[2], 0.0)
    assert backlog.take(0.0) == [lone[2], *bulk[4:8]]
    assert all_of(backlog) == bulk[8:]


def test_a_lone_receipt_of_a_case_that_a_bulk_cancel_opens_goes_after_that() -> None:
    bulk, receipt = of_a_bulk("b"), waited_for(opened("r", case="case-b/0"))
    assert all_of(backlog_of(bulk, receipt)) == [bulk, receipt]


def test_no_receipt_overtakes_the_wish_of_a_bulk_cancel() -> None:
    doubtful, wish, receipt = waited_for(concluded("a", 1)), waited_for(bulk_opened("b")), waited_for(opened("b/1"))
    backlog = backlog_of(doubtful, wish, receipt)
    assert all_of(backlog) == [doubtful, wish, receipt]
    backlog.put(doubtful, 0.0)
    backlog.put(receipt, 0.0)
    assert all_of(backlog) == [receipt, doubtful]


def test_receipts_that_come_again_and_again_keep_nobody_else_waiting() -> None:
    bulk, told = of_a_bulk("b"), behind(observed("c1"))
    backlog = backlog_of(bulk, told)
    taken: list[Group] = []
    for number in range(3):
        backlog.put(waited_for(opened(f"r{number}")), LINGER_S)
        taken += backlog.take(LINGER_S)
    assert bulk in taken
    assert told in taken


def test_what_is_due_and_what_is_waited_for_take_turns() -> None:
    backlog = backlog_of(*(behind(*[observed(f"c{n}")] * TRANSACTION_RECORDS_MAX) for n in range(3)))
    kinds = []
    for number in range(6):
        backlog.put(waited_for(opened(f"r{number}", case=f"d{number}")), LINGER_S)
        kinds.append(backlog.take(LINGER_S)[0].on_commit is None)
    assert kinds == [False, True, False, True, False, True]


def counts_of(backlog: Backlog[Group], *, is_last: bool = False) -> list[int]:
    """How many groups each transaction takes."""
    counts = []
    while taken := backlog.take(LINGER_S, is_last=is_last):
        counts.append(len(taken))
    return counts


def test_what_nobody_waits_for_goes_by_few_at_a_time_so_that_a_receipt_need_not_wait_for_many() -> None:
    flood = [behind(observed(f"c{number}")) for number in range(TRANSACTION_RECORDS_MAX)]
    assert max(counts_of(backlog_of(*flood))) == BEHIND_RECORDS_MAX < TRANSACTION_RECORDS_MAX
    backlog = backlog_of(*flood)
    assert backlog.take(LINGER_S) == flood[:BEHIND_RECORDS_MAX]
    receipt = waited_for(opened("b", case="d"))
    backlog.put(receipt, LINGER_S)
    assert backlog.take(LINGER_S) == [receipt]


def test_what_is_late_by_then_goes_as_much_at_a_time_as_can_be() -> None:
    flood = [behind(observed(f"c{number}")) for number in range(TRANSACTION_RECORDS_MAX)]
    backlog = backlog_of(*flood)
    assert len(backlog.take(LINGER_S + LATE_S - 0.001)) == BEHIND_RECORDS_MAX
    assert backlog.take(LINGER_S + LATE_S) == flood[BEHIND_RECORDS_MAX:]


def test_what_somebody_waits_for_and_what_is_last_goes_at_once() -> None:
    flood = [behind(observed(f"c{number}")) for number in range(TRANSACTION_RECORDS_MAX)]
    assert counts_of(backlog_of(*flood), is_last=True) == [TRANSACTION_RECORDS_MAX]
    assert counts_of(backlog_of(*flood, waited_for(concluded("b", 1)))) == [TRANSACTION_RECORDS_MAX, 1]


def test_no_request_of_a_bulk_cancel_overtakes_what_one_found_and_others_do() -> None:
    doubtful, found = waited_for(concluded("a", 1)), behind(bulk_meant("b", "o1"))
    own, other = waited_for(opened("b/1")), waited_for(opened("c"))
    backlog = backlog_of(doubtful, found, own, other)
    assert all_of(backlog) == [other, doubtful, found, own]
    backlog.put(doubtful, 0.0)
    backlog.put(own, 0.0)
    assert all_of(backlog) == [own, doubtful]


CASES = [CaseId(f"c{number}") for number in range(4)]
GROUPS = st.lists(st.tuples(st.sampled_from("rhdwokfm"), st.sampled_from(CASES), st.booleans()), max_size=40)


def group_of(kind: str, number: int, case: CaseId) -> Group:
    """Make a group of a kind: a receipt, a heavy one, a doubtful word, a wish, an observation, a word, and so on."""
    match kind:
        case "r":
            return waited_for(opened(f"r{number}", case=case))
        case "h":
            return waited_for(*(opened(f"h{number}/{n}", case=case) for n in range(QUICK_RECORDS_MAX + 1)))
        case "d":
            return waited_for(concluded(f"d{number}", number + 1, case=case))
        case "w":
            return waited_for(bulk_opened(f"w{number}"))
        case "f":
            return behind(bulk_meant("f", f"o{number}"))
        case "m":
            return waited_for(opened(f"m/{number}", case=case))
        case "o":
            return behind(observed(case))
        case _:
            return behind(concluded(f"r{number}", number + 1, case=case))


@given(GROUPS)
def test_the_story_of_a_case_and_the_outcomes_keep_their_order(plan: list[tuple[str, CaseId, bool]]) -> None:
    """Whatever is taken in between: groups of one case, and groups with outcomes, come out as they went in."""
    backlog, came, went = Backlog[Group](), list[Group](), list[Group]()
    now_s = 0.0
    for number, (kind, case, takes) in enumerate(plan):
        group = group_of(kind, number, case)
        came.append(group)
        backlog.put(group, now_s)
        now_s += LINGER_S / 3
        if takes:
            went += backlog.take(now_s)
    went += all_of(backlog, now_s + LINGER_S)
    assert not backlog
    assert sorted(map(id, went)) == sorted(map(id, came))
    for case in CASES:
        assert [g for g in went if case in g.cases()] == [g for g in came if case in g.cases()]
    for wish in (g for g in came if g.is_wish):
        later = came[came.index(wish) :]
        assert not any(g.is_receipt and g in later for g in went[: went.index(wish)])
    for find in (g for g in came if g.is_find):
        later = came[came.index(find) :]
        assert not any(g.is_receipt and g.is_of_bulk and g in later for g in went[: went.index(find)])
    outcomes = [id(g) for g in went if not g.is_receipt and g.records and type(g.records[0]).__name__ == "Concluded"]
    assert outcomes == [id(g) for g in came if type(g.records[0]).__name__ == "Concluded"]
