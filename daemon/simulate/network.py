"""The network between a daemon and one venue: cables for WebSockets, calls for REST, and the weather in between.

It carries bytes at the speed of its climate and in the order in which they were sent, and knows neither venues nor
orders. Here it rains: connections are cut with bytes still under way (some of which arrive), everything stands still
for a while and then comes at once, and at times nobody is reachable at all.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from daemon.sim.venue import Abort, Action, Close, Drop, HttpRequest, Respond, Send, Silence, SimVenue
from protocols.rest import RestResponse

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from daemon.simulate.kernel import Call, Kernel
    from daemon.simulate.trace import Trace
    from protocols.rest import SignedCall

HOST: Final = "venue.test"
"""The name at which each venue is dialed; some sign it."""
REFUSED_SLOWLY: Final = 0.5
"""How often an unreachable host lets a caller wait instead of refusing at once."""
SILENCE_MAX_US: Final = 600_000_000


class Climate(msgspec.Struct, frozen=True):
    """How long a byte takes one way: ``base_us`` and up to ``jitter_us``, rarely (``spike_p``) up to ``spike_us``."""

    base_us: int
    jitter_us: int
    spike_p: float = 0.0
    spike_us: int = 0


class Peer(Protocol):
    """The daemon's end of a cable."""

    def opened(self) -> None:
        """The handshake is done."""

    def received(self, raw: bytes | str) -> None:
        """A message came."""

    def lost(self, why: str) -> None:
        """The connection is gone."""


class Witness(Protocol):
    """Who watches the wire: what left the daemon, and what reached it."""

    def left(self, account: str, at_us: int, text: str, *, may_cancel: bool) -> None:
        """A frame or a call was handed to the transport."""

    def reached(self, account: str, at_us: int, text: str, *, is_evidence: bool, asked: str = "") -> None:
        """A message or an answer (to what was ``asked``) was read by a daemon; no answer to a cancel is evidence."""


class Cable:
    """One WebSocket connection, both ends of it."""

    def __init__(self, host: Host, conn_id: int, peer: Peer) -> None:
        self.conn_id = conn_id
        self.is_silent = False
        self._host = host
        self._peer: Peer | None = peer
        self._is_at_venue = False
        self._up_us = 0
        self._down_us = 0
        self._up: list[Call] = []
        self._down: list[Call] = []

    @property
    def is_whole(self) -> bool:
        """Whether the daemon's end is connected, as far as that end can know."""
        return self._peer is not None

    # ------------------------------------------------------------ the daemon's end

    def send(self, text: str) -> None:
        """Hand a message to the transport."""
        self._host.witness.left(self._host.account, self._host.now_us, text, may_cancel=True)
        self._send_up(partial(self._arrived, text))

    def close(self) -> None:
        """Say goodbye; the venue answers by closing."""
        self._send_up(partial(self._hung_up, "the venue closed"))

    def abort(self) -> None:
        """Cut; some of what is under way still arrives."""
        self._peer = None
        self._lose_some(self._up)
        self._send_up(partial(self._hung_up, ""))

    # ------------------------------------------------------------ the venue's end

    def connect(self, target: str) -> None:
        """Arrive at the venue for the first time."""
        self._is_at_venue = True
        self._host.venue.open(self.conn_id, target, {"host": HOST}, self._host.now_us)
        self._send_down(self._opened)

    def deliver(self, payload: bytes, *, is_binary: bool) -> None:
        """The venue sends a message."""
        if not self.is_silent:
            self._send_down(partial(self._received, payload if is_binary else payload.decode("utf-8", "replace")))

    def hang_up(self, why: str, *, is_rude: bool) -> None:
        """The venue ends it."""
        self._leave_venue()
        if is_rude:
            self._lose_some(self._down)
        if not self.is_silent:
            self._send_down(partial(self._lost, why))

    def cut(self, why: str) -> None:
        """The network ends it, for both."""
        self._lose_some(self._up)
        self._lose_some(self._down)
        self._send_up(self._leave_venue)
        self._send_down(partial(self._lost, why))

    # ------------------------------------------------------------ on the way

    def _send_up(self, arrive: Callable[[], None]) -> None:
        self._up_us = max(self._up_us, self._host.arrival_us())
        self._up = [call for call in self._up if call.run is not None]
        self._up.append(self._host.kernel.at(self._up_us, arrive))

    def _send_down(self, arrive: Callable[[], None]) -> None:
        self._down_us = max(self._down_us, self._host.arrival_us())
        self._down = [call for call in self._down if call.run is not None]
        self._down.append(self._host.kernel.at(self._down_us, arrive))

    def _lose_some(self, under_way: list[Call]) -> None:
        waiting = [call for call in under_way if call.run is not None]
        for call in waiting[self._host.rng.randint(0, len(waiting)) :]:
            call.cancel()

    def _arrived(self, text: str) -> None:
        if self._is_at_venue and not self.is_silent:
            self._host.trace.frame(self._host.now_us, f"{self._host.account} ws{self.conn_id} →", text)
            self._host.venue.frame(self.conn_id, text, self._host.now_us)
            self._host.pump()

    def _hung_up(self, why: str) -> None:
        if self._is_at_venue:
            self._leave_venue()
            if why and not self.is_silent:
                self._send_down(partial(self._lost, why))

    def _leave_venue(self) -> None:
        self._host.forget(self)
        if self._is_at_venue:
            self._is_at_venue = False
            self._host.venue.closed(self.conn_id, self._host.now_us)
            self._host.pump()

    def _opened(self) -> None:
        if self._peer is not None:
            self._peer.opened()

    def _received(self, raw: bytes | str) -> None:
        if self._peer is not None:
            text = self._host.trace.frame(self._host.now_us, f"{self._host.account} ws{self.conn_id} ←", raw)
            self._host.witness.reached(self._host.account, self._host.now_us, text, is_evidence=True)
            self._peer.received(raw)

    def _lost(self, why: str) -> None:
        peer, self._peer = self._peer, None
        if peer is not None:
            self._host.trace.note(self._host.now_us, f"{self._host.account} ws{self.conn_id} ✗", why)
            peer.lost(why)


Answer = RestResponse | str
"""What a call brings: the venue's answer, or why there is none."""


class Host:
    """One venue and the network before it."""

    def __init__(
        self,
        kernel: Kernel,
        account: str,
        venue: SimVenue,
        climate: Climate,
        rng: Random,
        trace: Trace,
        witness: Witness,
    ) -> None:
        self.kernel = kernel
        self.account = account
        self.venue = venue
        self.rng = rng
        self.trace = trace
        self.witness = witness
        self.calls_max = 0
        """The most calls that were under way at once."""
        self._climate = climate
        self._cables: dict[int, Cable] = {}
        self._calls: dict[int, Callable[[Answer], None]] = {}
        self._ids = 0
        self._stalled_until_us = 0
        self._dark_until_us = 0
        self._is_pumping = False
        self._alarm: Call | None = None
        self._alarm_us = 0

    @property
    def now_us(self) -> int:
        """The present."""
        return self.kernel.now_us

    def arrival_us(self) -> int:
        """Draw when what is sent now arrives at the other end."""
        climate = self._climate
        delay_us = climate.base_us + int(self.rng.random() * climate.jitter_us)
        if climate.spike_p and self.rng.random() < climate.spike_p:
            delay_us += int(self.rng.random() * climate.spike_us)
        return max(self.now_us + delay_us, self._stalled_until_us)

    # ------------------------------------------------------------ weather

    def calm_down(self) -> None:
        """No more spikes, and whoever stood still moves."""
        self._climate = Climate(self._climate.base_us, self._climate.jitter_us)
        self._dark_until_us = self._stalled_until_us = self.now_us

    def stall(self, until_us: int) -> None:
        """Nothing arrives before then; then everything does."""
        self._stalled_until_us = max(self._stalled_until_us, until_us)

    def go_dark(self, until_us: int) -> None:
        """Cut everything, and let nobody through before then."""
        self._dark_until_us = max(self._dark_until_us, until_us)
        self.cut_all("connection reset")

    def cut_all(self, why: str) -> None:
        """Cut every connection."""
        for cable in tuple(self._cables.values()):
            cable.cut(why)
        calls, self._calls = self._calls, {}
        for answer in calls.values():
            self.kernel.at(self.arrival_us(), partial(answer, why))

    def hang_up_all(self) -> None:
        """The daemon died: its kernel closes what it had open."""
        for cable in tuple(self._cables.values()):
            cable.abort()

    @property
    def is_dark(self) -> bool:
        """Whether nobody gets through."""
        return self.now_us < self._dark_until_us

    # ------------------------------------------------------------ sockets

    def dial(self, target: str, peer: Peer) -> Cable | None:
        """Connect: ``peer`` hears when it is done, or nothing ever. None: refused at once."""
        if self.is_dark and self.rng.random() > REFUSED_SLOWLY:
            return None
        self._ids += 1
        cable = self._cables[self._ids] = Cable(self, self._ids, peer)
        self.kernel.at(self.arrival_us(), partial(self._dialed, cable, target))
        return cable

    def _dialed(self, cable: Cable, target: str) -> None:
        if self.is_dark or not cable.is_whole or not self.venue.is_socket_path(target):
            self.forget(cable)
            return
        self.trace.note(self.now_us, f"{self.account} ws{cable.conn_id} ∘", target)
        cable.connect(target)
        self.pump()

    def forget(self, cable: Cable) -> None:
        """A cable ended."""
        self._cables.pop(cable.conn_id, None)

    # ------------------------------------------------------------ REST

    def call(self, signed: SignedCall, sent: Callable[[], None], answered: Callable[[Answer], None]) -> None:
        """Make a call: ``sent`` when it is written on an open connection, ``answered`` at most once, or never."""
        if self.is_dark:
            if self.rng.random() > REFUSED_SLOWLY:
                self.kernel.at(self.arrival_us(), partial(answered, "connection refused"))
            return
        sent()
        may_cancel = signed.method != "GET"
        shown = f"{signed.method} {signed.target} {signed.body.decode()}".rstrip()
        self.witness.left(self.account, self.now_us, shown, may_cancel=may_cancel)
        self._ids += 1
        self.kernel.at(self.arrival_us(), partial(self._called, self._ids, signed, shown, answered))

    def _called(self, request_id: int, signed: SignedCall, shown: str, answered: Callable[[Answer], None]) -> None:
        if self.is_dark:
            return
        self.trace.frame(self.now_us, f"{self.account} r{request_id} →", shown)
        headers = {name.lower(): value for name, value in signed.headers} | {"host": HOST}
        self._calls[request_id] = answered
        self.calls_max = max(self.calls_max, len(self._calls))
        self.venue.http(request_id, HttpRequest(signed.method, signed.target, headers, signed.body), self.now_us)
        self.pump()

    def _answered(self, answered: Callable[[Answer], None], request_id: int, answer: Answer) -> None:
        shown = answer if isinstance(answer, str) else f"{answer.status} {answer.body.decode('utf-8', 'replace')}"
        self.trace.frame(self.now_us, f"{self.account} r{request_id} ←", shown)
        answered(answer)

    # ------------------------------------------------------------ the venue

    def pump(self) -> None:
        """Carry out what the venue wants done, and be there when it wants to be looked at."""
        if self._is_pumping:
            return
        self._is_pumping = True
        while actions := self.venue.drain():
            for action in actions:
                self._carry_out(action)
        self._is_pumping = False
        self._set_alarm()

    def _carry_out(self, action: Action) -> None:
        if isinstance(action, Send):  # these two are nearly all, and `match` takes three times as long
            cable = self._cables.get(action.conn_id)
            if cable is not None:
                cable.deliver(action.payload, is_binary=action.is_binary)
            return
        if isinstance(action, Respond):
            response = action.response
            headers = tuple([(name.lower(), value) for name, value in response.headers.items()])
            self._answer(action.request_id, RestResponse(response.status, response.body, headers))
            return
        match action:
            case Drop(request_id):
                self._answer(request_id, "the venue cut the connection")
            case Close(conn_id, code, reason):
                self._hang_up(conn_id, f"the venue closed: {code} {reason}".rstrip(), is_rude=False)
            case Abort(conn_id):
                self._hang_up(conn_id, "the venue cut the connection", is_rude=True)
            case Silence(conn_id):
                self._silence(conn_id)

    def _answer(self, request_id: int, answer: Answer) -> None:
        answered = self._calls.pop(request_id, None)
        if answered is not None:
            self.kernel.at(self.arrival_us(), partial(self._answered, answered, request_id, answer))

    def _hang_up(self, conn_id: int, why: str, *, is_rude: bool) -> None:
        cable = self._cables.get(conn_id)
        if cable is not None:
            cable.hang_up(why, is_rude=is_rude)

    def _silence(self, conn_id: int) -> None:
        cable = self._cables.get(conn_id)
        if cable is not None:
            cable.is_silent = True
            self.kernel.after(SILENCE_MAX_US, partial(cable.cut, "connection reset"))

    def _set_alarm(self) -> None:
        due_us = self.venue.deadline()
        if due_us is None or (self._alarm is not None and self._alarm_us <= due_us):
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_us = due_us
        self._alarm = self.kernel.at(due_us, self._tick)

    def _tick(self) -> None:
        self._alarm = None
        self.venue.tick(self.now_us)
        self.pump()
