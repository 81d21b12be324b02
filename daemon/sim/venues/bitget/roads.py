"""How the answer to a cancel travels back: as a frame of either generation, or as a REST body. Decides nothing.

On v2 the whole arg of the request comes back in a list, with a number as code; on v3 the id stands at the top, the code
is a text, and a refusal has neither topic nor args.
"""

from collections.abc import Sequence

from daemon.sim.clock import VenueClock
from daemon.sim.rates import RateRule
from daemon.sim.venue import Drop, Floor, HttpResponse, Respond
from daemon.sim.venues.bitget import codes, limits
from daemon.sim.venues.bitget.cancel import Answer, Row
from daemon.sim.venues.bitget.distort import Distorter
from daemon.sim.venues.bitget.session import BitgetConnection, Sessions
from daemon.sim.wire import JsonObject, dumps


class SocketRoad:
    """Back over the WebSocket that the request came on; a generation says what its frames look like."""

    is_socket = True

    def __init__(
        self, floor: Floor, sessions: Sessions, clock: VenueClock, distorter: Distorter, connection: BitgetConnection
    ) -> None:
        self._floor = floor
        self._sessions = sessions
        self._clock = clock
        self._distorter = distorter
        self._connection = connection

    def frame(self, answer: Answer, now_us: int) -> JsonObject:
        """The generation's frame."""
        raise NotImplementedError

    def answer(self, answer: Answer, now_us: int) -> None:
        """Send the frame."""
        self.send(self.frame(answer, now_us), answer.fault_id, now_us)

    def send(self, document: JsonObject, fault_id: str | None, now_us: int) -> None:
        """Send a frame; those that a fault puts before it go first."""
        shaped, has_huge_id = self._distorter.document(document, fault_id)
        frame = dumps(shaped)
        strangers = self._distorter.strangers(frame, fault_id, has_huge_id=has_huge_id)
        for payload, is_binary in [*strangers, (frame, False)]:
            self._sessions.connections.send(self._connection, payload, now_us, is_binary=is_binary)

    def session_error(self, code: str, now_us: int) -> None:
        """An error that names nobody."""
        self._sessions.error(self._connection, code, now_us)

    def cut(self) -> None:
        """Cut the WebSocket."""
        self._sessions.connections.abort(self._connection)

    def silence(self) -> None:
        """Leave the WebSocket open and dead."""
        self._sessions.connections.silence(self._connection)

    def notice(self, seconds: float, now_us: int) -> None:
        """Announce a service upgrade on the WebSocket."""
        self._sessions.notice(self._connection, seconds, now_us)


class ClassicRoad(SocketRoad):
    """A v2 frame; `arg` is that of the request."""

    def __init__(
        self, floor: Floor, sessions: Sessions, clock: VenueClock, distorter: Distorter, connection: BitgetConnection,
        arg: JsonObject,
    ) -> None:  # fmt: skip
        super().__init__(floor, sessions, clock, distorter, connection)
        self._arg = arg

    def frame(self, answer: Answer, now_us: int) -> JsonObject:
        """Bitget: Contract, Spot / WebSocket / Cancel Order Channel."""
        arg = dict(self._arg)
        if answer.echo == "id":
            arg.pop("id", None)
        elif answer.echo == "ack":
            arg["params"] = {}
        is_ok = answer.code == codes.ACCEPTED
        return {
            "event": "trade" if is_ok else "error",
            "arg": [arg],
            "code": int(answer.code),
            "msg": "Success" if is_ok else codes.message(answer.code, answer.detail),
            "ts": self._clock.ms(now_us),
        }


class UnifiedRoad(SocketRoad):
    """A v3 frame; `frame_id` is that of the request."""

    def __init__(
        self, floor: Floor, sessions: Sessions, clock: VenueClock, distorter: Distorter, connection: BitgetConnection,
        frame_id: str,
    ) -> None:  # fmt: skip
        super().__init__(floor, sessions, clock, distorter, connection)
        self._frame_id = frame_id

    def frame(self, answer: Answer, now_us: int) -> JsonObject:
        """Bitget: Unified account / WebSocket / Cancel Order Channel, with the additions of 2026."""
        document: JsonObject = {} if answer.echo == "id" else {"id": self._frame_id}
        if answer.code != codes.ACCEPTED:
            return {
                "event": "error", **document, "code": answer.code, "msg": codes.message(answer.code, answer.detail)
            }  # fmt: skip
        order = answer.order
        ids: JsonObject = {}
        if order is not None and answer.echo != "ack":
            ids = {"orderId": order.order_id, "clientOid": order.client_order_id or ""}
        return {
            "event": "trade",
            **document,
            "topic": "cancel-order",
            "args": [ids | {"receiveTime": str(self._clock.us(now_us)), "pushTime": str(self._clock.us(now_us))}],
            "code": "0",
            "msg": "Success",
            "ts": self._clock.ms_text(now_us),
            "connId": self._connection.token,
            "rateLimit": self._left(limits.UTA_CANCEL, now_us),
        }

    def _left(self, rule: RateRule, now_us: int) -> list[JsonObject]:
        return [{"limit": str(rule.limit), "remaining": str(self._floor.rates.left(rule, "uid", now_us))}]

    def answer_batch(self, rows: Sequence[Row], fault_id: str, now_us: int) -> None:
        """Bitget: Unified account / WebSocket / Batch Cancel Channel: success at the top, whatever the rows say."""
        document: JsonObject = {
            "event": "trade",
            "id": self._frame_id,
            "topic": "batch-cancel",
            "args": [unified_row(row) for row in rows],
            "code": "0",
            "msg": "Success",
            "ts": self._clock.ms_text(now_us),
            "rateLimit": self._left(limits.UTA_BATCH, now_us),
        }
        self.send(document, fault_id, now_us)


class CallRoad:
    """Back over the REST call."""

    is_socket = False

    def __init__(
        self, floor: Floor, clock: VenueClock, distorter: Distorter, request_id: int, rule: RateRule | None
    ) -> None:
        self._floor = floor
        self._clock = clock
        self._distorter = distorter
        self._request_id = request_id
        self._rule = rule

    def answer(self, answer: Answer, now_us: int) -> None:
        """Send the body, with the HTTP status of its code."""
        order = answer.order
        data: JsonObject | None = None
        if answer.code == codes.ACCEPTED:
            data = {"orderId": "", "clientOid": ""}
            if order is not None and answer.echo != "ack":
                data = {"orderId": order.order_id, "clientOid": order.client_order_id or ""}
        document = envelope(answer.code, data, self._clock, now_us, answer.detail)
        response = HttpResponse(codes.status(answer.code), self._distorter.body(document, answer.fault_id))
        respond(self._floor, self._request_id, response, self._rule, now_us)

    def session_error(self, code: str, now_us: int) -> None:
        """There are no sessions here: the call is refused."""
        self.answer(Answer(code), now_us)

    def cut(self) -> None:
        """Cut the HTTP connection."""
        self._floor.actions.append(Drop(self._request_id))

    def silence(self) -> None:
        """Nothing: a REST call that is never answered is silent already."""

    def notice(self, seconds: float, now_us: int) -> None:
        """Nothing: notices are for WebSockets."""


def respond(floor: Floor, request_id: int, response: HttpResponse, rule: RateRule | None, now_us: int) -> None:
    """Answer a call, and say beside it what is left of the user's limit (Bitget: REST API / Rate limit)."""
    if rule is not None:
        left = str(floor.rates.left(rule, "uid", now_us))
        response = HttpResponse(
            response.status, response.body, {"x-mbx-used-remain-limit": left} | dict(response.headers)
        )
    floor.actions.append(Respond(request_id, response))


def unified_row(row: Row) -> JsonObject:
    """One order's part of a v3 batch's answer, on either road."""
    is_ok = row.code == codes.ACCEPTED
    return {
        "code": "0" if is_ok else row.code,
        "msg": "Success" if is_ok else codes.message(row.code, row.detail),
        "orderId": row.order_id,
        "clientOid": row.client_order_id,
    }


def envelope(code: str, data: object, clock: VenueClock, now_us: int, detail: str = "") -> JsonObject:
    """The body of a REST answer; `data` is null on an error."""
    return {
        "code": code,
        "msg": codes.message(code, detail),
        "requestTime": clock.ms(now_us),
        "data": data,
    }
