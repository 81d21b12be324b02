"""One request's story as `cancelctl explain` tells it: fit to be sent as it is to those who run the venue.

First what was asked and what came of it, then every step in order: its time, how long after the request, and what
happened; the venue's own bytes stand below the step that they brought, cut only where the journal cut them. Nothing is
concluded here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from daemon.ctl_screens import Lines, cell, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

KIND_WIDTH: Final = 15
"""That of the longest word for a step."""
FRAME: Final = " " * 8
STAGES: Final = ("recorded", "forwarded", "acked", "evidence", "reported")


def story_lines(answer: Mapping[str, object]) -> Lines:
    """Tell a request's story."""
    request, steps = answer.get("request"), answer.get("steps")
    told = [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    found = request if isinstance(request, dict) else {}
    began_us = _began(found, told)
    lines = [*(_head(found) if found else [_headless(told)]), ""]
    lines.append("All times are UTC by the clock of this host; +ms is since the request was read.")
    lines.append("")
    shown: object = None
    for step in told:
        frame = step.get("frame")
        lines += _step(step, began_us)
        lines += _frame(frame, is_again=frame == shown)
        shown = frame or shown
    return Lines(tuple(lines))


def _headless(steps: Sequence[Mapping[str, object]]) -> str:
    """Say of what the story is that has no outcome of its own."""
    kinds = {step.get("kind") for step in steps}
    if "bulk_opened" not in kinds:
        return "no outcome yet"
    state = "is over" if "bulk_ended" in kinds else "is not over yet"
    return f"a bulk cancel, which {state}; the story of each of its orders is told under its own name, NAME/NUMBER"


def _head(request: Mapping[str, object]) -> Iterator[str]:
    """What was asked, and what came of it, one thing a line."""
    order = f"order {cell(request.get('order_id'))}, client order id {cell(request.get('client_order_id'))}"
    product = f"{request['product']} " if request.get("product") else ""
    final = "final" if request.get("cum_qty_final") else "not final"
    filled = f"{cell(request.get('cum_qty'))} of {cell(request.get('order_qty'))} filled ({final})"
    price = f" at {request['avg_px']} on average" if request.get("avg_px") else ""
    yield f"{request.get('outcome')} {request.get('request_id')}"
    yield f"  asked      cancel {product}{request.get('instrument')} {order}"
    yield f"  account    {request.get('account')} at {request.get('venue')}"
    yield f"  outcome    {request.get('outcome')}: the order is {cell(request.get('ord_status'))}, {filled}{price}"
    for name, label in (
        ("reason", "because"),
        ("cancel_reason", "venue says"),
        ("successor_order_id", "successor"),
    ):
        if request.get(name):
            yield f"  {label:<10} {request[name]}"
    yield f"  ended by   {cell(request.get('ended_by'))}"
    yield from _answered(request)
    yield f"  evidence   {_evidence(request.get('evidence'))}"
    yield f"  times      {_times(request.get('times'))}"
    yield f"  number     {cell(request.get('seq'))}, revision {cell(request.get('revision'))}"


def _answered(request: Mapping[str, object]) -> Iterator[str]:
    """The venue's answer to our own frame, field by field."""
    code, message = request.get("venue_code"), request.get("venue_message")
    yield f"  answered   code {cell(code)}{f': {message}' if message else ''}"
    fields = request.get("venue_response")
    if isinstance(fields, dict) and fields:
        yield "             " + " ".join(f"{name}={value!s}" for name, value in fields.items())


def _evidence(evidence: object) -> str:
    if not isinstance(evidence, dict) or evidence.get("source") == "none":
        return "none"
    parts = [str(evidence.get("source"))]
    parts += [f"{label} {evidence[name]}" for name, label in _EVIDENCE if evidence.get(name)]
    return ", ".join(parts)


_EVIDENCE: Final = (("channel", "channel"), ("venue_time", "venue time (ms)"), ("digest", "digest of the frame"))


def _times(times: object) -> str:
    if not isinstance(times, dict) or not isinstance(times.get("received"), int):
        return "-"
    began_us: int = times["received"]
    parts = [f"received {time_of(began_us)}"]
    parts += [f"{stage} {_after(times[stage], began_us)}" for stage in STAGES if isinstance(times.get(stage), int)]
    return ", ".join(parts)


def _step(step: Mapping[str, object], began_us: int | None) -> Iterator[str]:
    at_us = step.get("t")
    since = _after(at_us, began_us) if isinstance(at_us, int) and began_us is not None else ""
    yield f"{time_of(at_us)} {since:>14} {cell(step.get('kind')):<{KIND_WIDTH}} {step.get('detail')}".rstrip()


def _frame(frame: object, *, is_again: bool) -> Iterator[str]:
    """The venue's own bytes; once, where several steps follow from them."""
    if isinstance(frame, str) and frame:
        yield from (FRAME + line for line in (["(the same bytes)"] if is_again else frame.splitlines()))


def _after(at_us: int, began_us: int) -> str:
    return f"{(at_us - began_us) / 1000:+,.3f} ms"


def _began(request: Mapping[str, object], steps: Sequence[Mapping[str, object]]) -> int | None:
    """When the request was read; when it was written down, before it has an outcome."""
    times = request.get("times")
    received = times.get("received") if isinstance(times, dict) else None
    found = received if received is not None else next((step.get("t") for step in steps), None)
    return found if isinstance(found, int) else None
