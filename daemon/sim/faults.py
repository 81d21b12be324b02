"""The fault engine: which of the catalogue's primitives a simulated venue is told to show, and when each one fires.

A venue asks `fires` at every opportunity of a primitive; the engine answers from standing rules and a seed, and
counts. What a primitive does, and what its opportunities are, is the venue's own table (`Meaning`); this file refuses
to know. A name outside the catalogue, one without a meaning on the venue, and an argument that the venue does not
take are refused with a sentence that says so.

Each draw is a function of the seed, the primitive, the order and how many opportunities that order had before:
neither the order of arrival nor the presence of other rules moves it.

Rules are written `NAME[(ARG)][:P|xN]`, joined by commas, or as JSON `{"NAME": {"p": 0.1}}` or `{"count": 3}`, each
with optional "arg" and "order_id" (that order only), and "now": true (at once, on every open connection, where the
venue offers it). Without P or N a rule fires once.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from daemon.sim.wire import JsonObject


class Fault(StrEnum):
    """The primitives of the fault catalogue, all of them, in its order."""

    ACK_OK_THEN_FILL = "ACK_OK_THEN_FILL"
    ACK_OK_NO_PUSH = "ACK_OK_NO_PUSH"
    PUSH_BEFORE_ACK = "PUSH_BEFORE_ACK"
    NO_ACK = "NO_ACK"
    ACK_LATE = "ACK_LATE"
    REJECT = "REJECT"
    PARTIAL_BATCH = "PARTIAL_BATCH"
    STALE_QUERY = "STALE_QUERY"
    QUERY_NOTFOUND = "QUERY_NOTFOUND"
    QUERY_OPEN_ONLY = "QUERY_OPEN_ONLY"
    DUP_PUSH = "DUP_PUSH"
    REORDER = "REORDER"
    DROP_PUSH = "DROP_PUSH"
    BURST_PUSH = "BURST_PUSH"
    DISCONNECT = "DISCONNECT"
    HALF_OPEN = "HALF_OPEN"
    ZOMBIE = "ZOMBIE"
    NOTICE_CLOSE = "NOTICE_CLOSE"
    AUTH_FAIL = "AUTH_FAIL"
    AUTH_SLOW = "AUTH_SLOW"
    KEY_EXPIRE = "KEY_EXPIRE"
    RATE_LIMIT = "RATE_LIMIT"
    SKEW = "SKEW"
    UNKNOWN_EVENT = "UNKNOWN_EVENT"
    BAD_FRAME = "BAD_FRAME"
    BIG_INT = "BIG_INT"
    TYPE_FLIP = "TYPE_FLIP"
    ID_ECHO_MISSING = "ID_ECHO_MISSING"
    FOREIGN_CANCEL = "FOREIGN_CANCEL"
    CANCELING_STATE = "CANCELING_STATE"
    RESTART = "RESTART"


class FaultError(ValueError):
    """A rule that cannot stand; the sentence says which and why."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """How a venue reads one primitive's argument.

    `takes` is a pattern that the whole argument must match, "" for none; `default` stands where none is given.
    `at_once` says that the rule may carry "now". A `standing` one holds from the rule until it is deleted, whatever
    its P or N.
    """

    takes: str = ""
    default: str = ""
    at_once: bool = False
    standing: bool = False


NUMBER = r"\d+(\.\d+)?"
SIGNED_NUMBER = r"-?\d+(\.\d+)?"
COUNT = r"[1-9]\d{0,5}"


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One rule: fires with probability `p`, or `count` times; `order_id` None means every order."""

    fault: Fault
    p: float | None
    count: int
    arg: str
    order_id: str | None = None
    now: bool = False


_ITEM = re.compile(r"(?P<name>[A-Z_]+)(\((?P<arg>[^()]*)\))?(:(?P<p>[0-9.eE+-]+)|x(?P<count>\d+))?")
_SPLIT = re.compile(r",(?![^()]*\))")
_KEYS = frozenset({"p", "count", "arg", "order_id", "now"})
COUNT_MAX = 1_000_000


class FaultEngine:
    """The standing rules of one venue, its seeded draws, and how often each primitive has fired (`fired`)."""

    def __init__(self, venue: str, meanings: Mapping[Fault, Meaning], seed: int) -> None:
        self._venue = venue
        self._meanings = meanings
        self._seed = seed
        self._rules: dict[Fault, dict[str | None, FaultRule]] = {}
        self._opportunities: dict[tuple[Fault, str | None], int] = {}
        self.fired: dict[str, int] = {}

    def parse_spec(self, spec: str) -> list[FaultRule]:
        """The rules of a command line's SPEC; raises FaultError."""
        return [self._parse_item(item.strip()) for item in _SPLIT.split(spec)] if spec.strip() else []

    def parse_json(self, document: JsonObject) -> list[FaultRule]:
        """The rules of the control door's JSON; raises FaultError, before any of them is taken."""
        rules = []
        for name, body in document.items():
            if not isinstance(body, dict) or not body.keys() <= _KEYS:
                raise FaultError(f'{name}: give an object with "p" or "count", and optionally "arg", "order_id", "now"')
            rules.append(self._rule_from_json(name, body))
        return rules

    def add(self, rules: Iterable[FaultRule]) -> None:
        """Merge rules: one of the same primitive and order replaces the one before."""
        for rule in rules:
            self._rules.setdefault(rule.fault, {})[rule.order_id] = rule

    def clear(self) -> None:
        """Forget every rule; the counts stay."""
        self._rules.clear()

    def rules(self) -> list[FaultRule]:
        """The standing rules."""
        return [rule for each in self._rules.values() for rule in each.values()]

    def fires(self, fault: Fault, order_id: str | None = None, only: tuple[str, ...] | None = None) -> str | None:
        """One opportunity: the argument ("" where it takes none) if the primitive fires now, counted; else None.

        `only`: rules with another argument than these are passed over, uncounted.
        """
        rules = self._rules.get(fault)
        if not rules:
            return None
        for key in (order_id, None) if order_id is not None else (None,):
            rule = rules.get(key)
            if rule is None or (only is not None and rule.arg not in only):
                continue
            if self._draw(rule, order_id):
                self._count_down(rules, rule)
                self.note(fault)
                return rule.arg
        return None

    def standing(self, fault: Fault) -> str | None:
        """The argument of a standing primitive while its rule is there; counts nothing."""
        rules = self._rules.get(fault)
        return next(iter(rules.values())).arg if rules else None

    def note(self, fault: Fault) -> None:
        """Count one firing that did not come from `fires`."""
        self.fired[fault.value] = self.fired.get(fault.value, 0) + 1

    def pick(self, fault: Fault, order_id: str | None, choices: Sequence[str]) -> str:
        """One of `choices`, by the seed, for a primitive that has just fired."""
        turn = self.fired.get(fault.value, 0) if order_id is None else self._opportunities.get((fault, order_id), 0)
        return choices[int(self._chance(f"pick/{fault.value}/{order_id}/{turn}") * len(choices))]

    def _draw(self, rule: FaultRule, order_id: str | None) -> bool:
        key = (rule.fault, order_id)
        turn = self._opportunities[key] = self._opportunities.get(key, 0) + 1
        return rule.p is None or self._chance(f"{rule.fault.value}/{order_id}/{turn}") < rule.p

    def _chance(self, name: str) -> float:
        digest = blake2b(f"{self._seed}/{name}".encode(), digest_size=7).digest()
        return int.from_bytes(digest) / 2**56

    def _count_down(self, rules: dict[str | None, FaultRule], rule: FaultRule) -> None:
        if rule.p is not None or self._meanings[rule.fault].standing:
            return
        if rule.count > 1:
            rules[rule.order_id] = FaultRule(rule.fault, None, rule.count - 1, rule.arg, rule.order_id)
        else:
            del rules[rule.order_id]

    def _parse_item(self, item: str) -> FaultRule:
        match = _ITEM.fullmatch(item)
        if match is None:
            raise FaultError(f"{item!r} is not a fault: write NAME, NAME(ARG), NAME:P or NAMExN, joined by commas")
        p = None
        if match["p"] is not None:
            try:
                p = float(match["p"])
            except ValueError:
                raise FaultError(f"{item!r}: {match['p']} is not a probability") from None
        count = None if match["count"] is None else int(match["count"])
        return self._rule(match["name"], p=p, count=count, arg=match["arg"])

    def _rule_from_json(self, name: str, body: JsonObject) -> FaultRule:
        p, count, arg, order_id = (body.get(key) for key in ("p", "count", "arg", "order_id"))
        if p is not None and (isinstance(p, bool) or not isinstance(p, int | float)):
            raise FaultError(f'{name}: "p" is a number above 0 and at most 1')
        if count is not None and (isinstance(count, bool) or not isinstance(count, int)):
            raise FaultError(f'{name}: "count" is an integer from 1 to {COUNT_MAX}')
        if arg is not None and (isinstance(arg, bool) or not isinstance(arg, str | int | float)):
            raise FaultError(f'{name}: "arg" is a text or a number')
        if order_id is not None and not isinstance(order_id, str):
            raise FaultError(f'{name}: "order_id" is a text')
        return self._rule(
            name,
            p=None if p is None else float(p),
            count=count,
            arg=None if arg is None else str(arg),
            order_id=order_id,
            now=body.get("now") is True,
        )

    def _rule(
        self,
        name: str,
        *,
        p: float | None,
        count: int | None,
        arg: str | None,
        order_id: str | None = None,
        now: bool = False,
    ) -> FaultRule:
        fault, meaning = self._known(name)
        if p is not None and count is not None:
            raise FaultError(f"{name}: give a probability or a count, not both")
        if p is not None and not 0 < p <= 1:
            raise FaultError(f"{name}: a probability is above 0 and at most 1, not {p}")
        if count is not None and not 1 <= count <= COUNT_MAX:
            raise FaultError(f"{name}: a count is from 1 to {COUNT_MAX}, not {count}")
        if now and not meaning.at_once:
            raise FaultError(f"{name}: cannot happen at once, only when its occasion comes")
        if arg is not None and not (meaning.takes and re.fullmatch(meaning.takes, arg)):
            wants = f"an argument like {meaning.takes}" if meaning.takes else "no argument"
            raise FaultError(f"{name}: takes {wants}, not {arg!r}")
        return FaultRule(fault, p, count or 1, meaning.default if arg is None else arg, order_id, now)

    def _known(self, name: str) -> tuple[Fault, Meaning]:
        try:
            fault = Fault(name)
        except ValueError:
            raise FaultError(f"{name} is not a fault; there are {', '.join(Fault)}") from None
        meaning = self._meanings.get(fault)
        if meaning is None:
            raise FaultError(f"{name} has no meaning on {self._venue}")
        return fault, meaning
