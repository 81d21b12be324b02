"""The fault engine: the grammar of its rules, what it refuses, and draws that only the seed decides."""

import pytest

from daemon.sim.faults import COUNT, NUMBER, Fault, FaultEngine, FaultError, FaultRule, Meaning

MEANINGS = {
    Fault.DUP_PUSH: Meaning(),
    Fault.STALE_QUERY: Meaning(NUMBER, "20"),
    Fault.DROP_PUSH: Meaning(COUNT, "1"),
    Fault.REJECT: Meaning(r"\d{5}", "51400"),
    Fault.SKEW: Meaning(NUMBER, "40", standing=True),
    Fault.ZOMBIE: Meaning(at_once=True),
}


def an_engine(spec: str = "", seed: int = 1) -> FaultEngine:
    engine = FaultEngine("here", MEANINGS, seed)
    engine.add(engine.parse_spec(spec))
    return engine


def test_a_spec_is_names_with_arguments_and_a_probability_or_a_count() -> None:
    assert an_engine().parse_spec("DUP_PUSH:0.1, REJECT(51410)x3,STALE_QUERY(20):0.05,DROP_PUSH") == [
        FaultRule(Fault.DUP_PUSH, 0.1, 1, ""),
        FaultRule(Fault.REJECT, None, 3, "51410"),
        FaultRule(Fault.STALE_QUERY, 0.05, 1, "20"),
        FaultRule(Fault.DROP_PUSH, None, 1, "1"),
    ]


def test_an_empty_spec_is_no_rule() -> None:
    assert an_engine().parse_spec("") == []


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("DUP_PUSHES", "is not a fault"),
        ("dup_push", "is not a fault"),
        ("DUP_PUSH:1.5", "at most 1"),
        ("DUP_PUSH:0", "above 0"),
        ("DUP_PUSH:1e", "is not a probability"),
        ("DUP_PUSHx0", "from 1"),
        ("DUP_PUSH(3)", "takes no argument"),
        ("REJECT(abc)", "takes an argument like"),
        ("DUP_PUSH:0.1x3", "is not a fault"),
        ("REJECT(51400", "is not a fault"),
        ("RESTART", "has no meaning on here"),
        ("DUP_PUSH,,REJECT", "is not a fault"),
    ],
)
def test_a_wrong_spec_is_refused_with_a_sentence(spec: str, says: str) -> None:
    with pytest.raises(FaultError, match=says):
        an_engine().parse_spec(spec)


def test_json_says_the_same_and_may_name_an_order() -> None:
    rules = an_engine().parse_json({"REJECT": {"p": 1, "arg": 51410, "order_id": "7"}, "ZOMBIE": {"now": True}})
    assert rules == [
        FaultRule(Fault.REJECT, 1.0, 1, "51410", "7"),
        FaultRule(Fault.ZOMBIE, None, 1, "", now=True),
    ]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"DUP_PUSH": 3}, "give an object"),
        ({"DUP_PUSH": {"probability": 1}}, "give an object"),
        ({"DUP_PUSH": {"p": "often"}}, "a number"),
        ({"DUP_PUSH": {"p": True}}, "a number"),
        ({"DUP_PUSH": {"count": 1.5}}, "an integer"),
        ({"DUP_PUSH": {"p": 0.5, "count": 1}}, "not both"),
        ({"REJECT": {"arg": []}}, "a text or a number"),
        ({"REJECT": {"order_id": 7}}, "a text"),
        ({"DUP_PUSH": {"now": True}}, "at once"),
    ],
)
def test_wrong_json_is_refused_with_a_sentence(document: dict[str, object], says: str) -> None:
    with pytest.raises(FaultError, match=says):
        an_engine().parse_json(document)


def test_a_count_fires_that_often_and_is_counted() -> None:
    engine = an_engine("REJECT(51410)x2")
    assert [engine.fires(Fault.REJECT, order) for order in "abc"] == ["51410", "51410", None]
    assert engine.fired == {"REJECT": 2}
    assert engine.rules() == []


def test_a_probability_fires_about_that_often() -> None:
    engine = an_engine("DUP_PUSH:0.25")
    fired = sum(engine.fires(Fault.DUP_PUSH, str(order)) is not None for order in range(2_000))
    assert 400 < fired < 600


def test_draws_depend_on_the_seed_and_the_order_but_not_on_arrival_or_other_rules() -> None:
    orders = [str(each) for each in range(200)]
    alone, crowded, other = (
        an_engine("DUP_PUSH:0.3"),
        an_engine("REJECT:0.5,DUP_PUSH:0.3"),
        an_engine("DUP_PUSH:0.3", 2),
    )
    first = {order: alone.fires(Fault.DUP_PUSH, order) for order in orders}
    second = {}
    for order in reversed(orders):
        crowded.fires(Fault.REJECT, order)
        second[order] = crowded.fires(Fault.DUP_PUSH, order)
    assert first == second
    assert first != {order: other.fires(Fault.DUP_PUSH, order) for order in orders}


def test_a_rule_for_one_order_goes_before_the_one_for_all_and_leaves_it_untouched() -> None:
    engine = an_engine("REJECT(51410)x1")
    engine.add(engine.parse_json({"REJECT": {"count": 1, "arg": "50013", "order_id": "7"}}))
    assert engine.fires(Fault.REJECT, "7") == "50013"
    assert engine.fires(Fault.REJECT, "7") == "51410"


def test_a_later_rule_replaces_the_one_of_the_same_name() -> None:
    engine = an_engine("REJECT(51410)x5")
    engine.add(engine.parse_spec("REJECT(50013)x1"))
    assert [engine.fires(Fault.REJECT, "a"), engine.fires(Fault.REJECT, "a")] == ["50013", None]


def test_rules_with_another_argument_can_be_passed_over() -> None:
    engine = an_engine("REJECT(51410)x1")
    assert engine.fires(Fault.REJECT, "a", only=("50013",)) is None
    assert engine.fires(Fault.REJECT, "a", only=("51410",)) == "51410"


def test_a_standing_fault_stands_until_it_is_cleared() -> None:
    engine = an_engine("SKEW(7)")
    assert [engine.standing(Fault.SKEW), engine.standing(Fault.SKEW)] == ["7", "7"]
    engine.clear()
    assert engine.standing(Fault.SKEW) is None


def test_a_pick_is_one_of_the_choices_and_each_comes_up() -> None:
    engine = an_engine("REJECT:1.0")
    picks = set()
    for order in range(40):
        engine.fires(Fault.REJECT, str(order))
        picks.add(engine.pick(Fault.REJECT, str(order), ("filled", "canceled")))
    assert picks == {"filled", "canceled"}
