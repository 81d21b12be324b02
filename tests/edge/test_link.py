"""A link on a transport in memory, with the library's server half at the other end; and a few on real sockets."""

import asyncio
import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from daemon.edge import link as link_module
from daemon.edge import net
from daemon.edge.link import READ_BYTES_PER_TURN, WRITE_BUFFER_BYTES_MAX
from daemon.edge.net import Egress, tls_context
from daemon.edge.outside import DialFailed
from daemon.edge.settings import Waits
from protocols.dialect import Heartbeat, SocketPlan, Strange
from protocols.evidence import CancelAnswered, CancelLost, OrderReported
from protocols.fix import SendId
from protocols.secret import Secret
from protocols.session import Abort, Drain, Entered, Event, State
from tests.edge.fake_venue import serving
from tests.edge.link_rig import EGRESS, Bench
from tests.edge.watch import Watch
from tests.fakes import PLAN
from tests.scraping import free_port

TLS = Path(__file__).parent / "tls"
S1 = SendId("s1")


class Listener:
    """Takes one connection and says nothing: hangs up, or waits until the other side does."""

    def __init__(self, watch: Watch, *, waits_for_the_end: bool) -> None:
        self._watch = watch
        self._waits = waits_for_the_end
        self._is_over = False

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/ws"

    async def __aexit__(self, *_: object) -> None:
        await self._watch.until(lambda: self._is_over)
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            if self._waits:
                await reader.read()
            writer.close()
            await writer.wait_closed()
        self._is_over = True
        self._watch.changed()


# ---------------------------------------------------------------- opening


async def test_an_open_link_logs_in_for_the_venues_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await Bench().dial(monkeypatch)
    assert bench.pipe.frames == ["login 42 key"]
    assert bench.link.has_opened


async def test_a_refused_handshake_says_its_status_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.pipe.refuses = True
    with pytest.raises(DialFailed, match="HTTP 403") as failed:
        await bench.dial(monkeypatch)
    assert "venue" not in failed.value.why
    assert bench.pipe.is_aborted
    assert [event.state for event in bench.of(Entered)] == [State.CLOSED]
    assert not bench.link.has_opened


async def test_a_server_that_does_not_speak_is_given_up_in_time() -> None:
    bench = Bench(waits=Waits(open_s=0.05))
    async with Listener(bench.watch, waits_for_the_end=True) as url:
        with pytest.raises(DialFailed, match="time-out"):
            await bench.link.dial(url, EGRESS)


async def test_a_port_where_nobody_listens_is_a_failed_dial() -> None:
    with pytest.raises(DialFailed, match="Connection refused") as failed:
        await Bench().link.dial(f"ws://127.0.0.1:{free_port()}/ws", EGRESS)
    assert "127" not in failed.value.why


async def test_what_is_no_address_is_a_failed_dial() -> None:
    with pytest.raises(DialFailed):
        await Bench().link.dial("http://venue/ws", EGRESS)


async def test_a_server_that_closes_during_the_handshake_is_a_failed_dial() -> None:
    bench = Bench()
    async with Listener(bench.watch, waits_for_the_end=False) as url:
        with pytest.raises(DialFailed):
            await bench.link.dial(url, EGRESS)


# ---------------------------------------------------------------- sending


async def test_a_cancel_is_with_the_transport_when_the_call_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await Bench().go_live(monkeypatch)
    assert bench.link.cancel("cancel s1 1", S1)
    assert bench.pipe.frames == ["cancel s1 1"]  # and no loop turn has passed


async def test_a_link_that_is_not_logged_in_or_no_more_open_takes_no_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await Bench().dial(monkeypatch)
    assert not bench.link.cancel("cancel s1 1", S1)
    bench.pipe.say("login ok")
    assert bench.link.cancel("cancel s1 1", S1)
    bench.pipe.abort()
    assert not bench.link.cancel("cancel s2 1", SendId("s2"))
    assert bench.link.session.in_flight == 1


async def test_a_transport_that_does_not_get_rid_of_its_bytes_is_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocols.pulse.PROBE_WAIT_MS", 1)
    bench = await Bench().go_live(monkeypatch)
    bench.pipe.unsent_bytes = WRITE_BUFFER_BYTES_MAX + 1
    assert bench.link.cancel("cancel s1 1", S1)  # handed over, for what that is worth
    assert bench.pipe.frames == ["cancel s1 1", "ping"]
    await bench.watch.until(lambda: bool(bench.of(Abort)))  # by the probe's own deadline, not by the heartbeat's


async def test_a_session_that_is_due_is_ticked(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = SocketPlan(PLAN.name, PLAN.path, PLAN.roles, Heartbeat(idle_ms=5, dead_ms=60_000, ping="ping"))
    bench = await Bench(plan).go_live(monkeypatch)
    await bench.watch.until(lambda: bench.pipe.frames == ["ping"])
    bench.pipe.say("pong")
    await bench.watch.until(lambda: bench.pipe.frames == ["ping", "ping"])
    bench.link.abort("enough")


HASTY = SocketPlan(PLAN.name, PLAN.path, PLAN.roles, Heartbeat(idle_ms=5, dead_ms=5, ping="ping"))


class Unread:
    """Says of any transport that the host holds something for it, while it ``is_there``; counts who asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
        self.is_there = True
        self.asked = 0
        self._bench = bench
        monkeypatch.setattr(net, "has_unread", self._has_unread)
        monkeypatch.setattr("daemon.edge.carrier.HEAR_FIRST_S", 0.001)

    def _has_unread(self, _: object) -> bool:
        self.asked += 1
        self._bench.watch.changed()
        return self.is_there


async def test_a_venue_is_not_called_silent_while_what_it_said_is_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await Bench(HASTY).go_live(monkeypatch)
    await bench.watch.until(lambda: bench.pipe.frames == ["ping"])
    unread = Unread(monkeypatch, bench)
    await bench.watch.until(lambda: unread.asked > 10)
    assert bench.of(Abort) == []
    bench.pipe.say("pong")
    unread.is_there = False
    await bench.watch.until(lambda: bench.pipe.frames == ["ping", "ping"])
    await bench.watch.until(lambda: bool(bench.of(Abort)))  # whose ping nobody answered


async def test_who_never_catches_up_with_a_venue_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.edge.carrier.HEAR_FIRST_TIMES_MAX", 5)
    bench = await Bench(HASTY).go_live(monkeypatch)
    await bench.watch.until(lambda: bench.pipe.frames == ["ping"])
    unread = Unread(monkeypatch, bench)
    await bench.watch.until(lambda: bool(bench.of(Abort)))
    assert unread.asked == 5


async def test_the_host_says_what_it_holds_for_a_connection() -> None:
    here, there = socket.socketpair()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=here)
    assert not net.has_unread(transport)
    transport.pause_reading()
    there.send(b"x")
    assert net.has_unread(transport)
    transport.abort()
    there.close()
    await asyncio.sleep(0)
    assert not net.has_unread(transport)


# ---------------------------------------------------------------- reading


async def test_frames_that_come_together_are_read_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await Bench().go_live(monkeypatch)
    bench.pipe.say("order o1 new", "order o1 filled", "order o2 canceled")
    assert [(event.order_id, event.status) for event in bench.of(OrderReported)] == [
        ("o1", "new"),
        ("o1", "filled"),
        ("o2", "canceled"),
    ]


MUCH = [f"order o{number} new" for number in range(READ_BYTES_PER_TURN // 4)]
"""Several turns' worth of frames."""


async def test_of_much_that_comes_at_once_some_is_read_in_each_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await Bench().go_live(monkeypatch)
    bench.pipe.say(*MUCH)
    assert 0 < len(bench.of(OrderReported)) < len(MUCH) // 2
    assert (bench.pipe.is_paused, bench.link.is_behind) == (True, True)
    bench.pipe.say("order last canceled")  # which the transport held when it was told to pause
    await bench.watch.until(lambda: len(bench.of(OrderReported)) == len(MUCH) + 1)
    told = [f"order {event.order_id} {event.status}" for event in bench.of(OrderReported)]
    assert told == [*MUCH, "order last canceled"]
    assert (bench.pipe.is_paused, bench.link.is_behind) == (False, False)


async def test_a_fault_in_a_later_turn_of_reading_ends_the_link_instead_of_leaving_it_deaf(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = await Bench().go_live(monkeypatch)
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
    bench.pipe.say(*MUCH)
    fault = RuntimeError("ours")

    def fail(event: Event) -> None:
        if isinstance(event, OrderReported):
            raise fault

    bench.on_event = fail
    await bench.watch.until(lambda: bench.pipe.is_aborted)
    assert bench.link.session.state is State.CLOSED
    await bench.watch.until(lambda: bool(faults))
    assert faults == [fault]


async def test_what_was_not_read_yet_when_the_connection_ends_is_read_before_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = await Bench().go_live(monkeypatch)
    bench.link.cancel("cancel s1 1", S1)
    bench.pipe.say(*MUCH, "ack s1 accepted")
    bench.pipe.lose()
    assert len(bench.of(OrderReported)) == len(MUCH)
    assert [event.send_id for event in bench.of(CancelAnswered)] == ["s1"]
    assert bench.of(CancelLost) == []
    await asyncio.sleep(0)
    assert len(bench.of(OrderReported)) == len(MUCH)


async def test_of_a_link_that_is_cut_nothing_more_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await Bench().go_live(monkeypatch)
    bench.pipe.say(*MUCH)
    bench.link.abort("enough")
    heard = len(bench.of(OrderReported))
    await asyncio.sleep(0)
    assert len(bench.of(OrderReported)) == heard


async def test_a_frame_in_pieces_is_read_when_it_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await Bench().go_live(monkeypatch)
    server = bench.pipe.server
    server.send_text(b"order ", fin=False)
    server.send_continuation(b"o1 ", fin=False)
    bench.pipe.reply()
    assert bench.of(OrderReported) == []
    server.send_continuation(b"canceled", fin=True)
    bench.pipe.reply()
    assert [event.order_id for event in bench.of(OrderReported)] == ["o1"]


async def test_a_frame_of_endless_pieces_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "FRAGMENTS_MAX", 3)
    bench = await Bench().go_live(monkeypatch)
    bench.pipe.server.send_text(b"", fin=False)
    for _ in range(3):
        bench.pipe.server.send_continuation(b"", fin=False)
    bench.pipe.reply()
    assert bench.pipe.is_aborted
    assert bench.link.session.state is State.CLOSED


async def test_too_long_a_frame_ends_the_link_and_loses_what_is_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await Bench().go_live(monkeypatch)
    bench.link.cancel("cancel s1 1", S1)
    bench.pipe.say("x" * (PLAN.frame_bytes_max + 1))
    assert bench.pipe.is_aborted
    assert [(event.send_id, event.handed_over) for event in bench.of(CancelLost)] == [("s1", True)]


async def test_a_binary_frame_is_a_frame_and_broken_text_is_only_strange(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await Bench().go_live(monkeypatch)
    bench.pipe.server.send_binary(b"order o1 new")
    bench.pipe.server.send_text(b"\xff\xfe")
    bench.pipe.say("order o2 new")
    assert [event.order_id for event in bench.of(OrderReported)] == ["o1", "o2"]
    assert len(bench.of(Strange)) == 1


async def test_the_protocols_own_ping_is_answered_and_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await Bench().go_live(monkeypatch)
    heard = bench.link.session.counters.frames_in
    bench.pipe.server.send_ping(b"x")
    bench.pipe.reply()
    assert bench.pipe.pongs == 1
    assert bench.link.session.counters.frames_in == heard


async def test_what_telling_brings_about_is_told_after_what_is_being_told(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await Bench().go_live(monkeypatch)
    bench.on_event = lambda event: bench.link.abort("enough") if isinstance(event, Drain) else None
    bench.pipe.say("closing\norder o1 canceled")
    kinds = [type(event) for event in bench.events]
    assert kinds.index(OrderReported) < len(kinds) - 1 - kinds[::-1].index(Entered)


@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([b"\x81\x04pong", b"\x88\x00", b"\x01\x01o"]))))
def test_no_bytes_whatever_make_a_link_raise(chunks: list[bytes]) -> None:
    async def story() -> None:
        bench = Bench()
        with pytest.MonkeyPatch.context() as monkeypatch:
            await bench.go_live(monkeypatch)
        bench.link.cancel("cancel s1 1", S1)
        for chunk in chunks:
            bench.link.data_received(chunk)
        bench.link.abort("enough")
        assert [lost.send_id for lost in bench.of(CancelLost)] == ["s1"]

    asyncio.run(story())


# ---------------------------------------------------------------- ends


async def test_a_close_by_the_venue_says_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await Bench().go_live(monkeypatch)
    bench.link.cancel("cancel s1 1", S1)
    bench.pipe.server.send_close(4007, "key deleted")
    bench.pipe.reply()
    assert bench.of(CancelLost)[0].why == "the venue closed: 4007 key deleted"
    assert bench.pipe.close_frames == 1  # answered politely
    bench.pipe.lose()
    assert len(bench.of(CancelLost)) == 1


async def test_a_lost_connection_loses_what_is_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await Bench().go_live(monkeypatch)
    bench.link.cancel("cancel s1 1", S1)
    bench.pipe.lose()
    assert bench.of(CancelLost) == [CancelLost(S1, bench.of(CancelLost)[0].road, True, "Connection reset by peer")]


async def test_an_abort_drops_the_connection_at_once_and_tells_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await Bench().go_live(monkeypatch)
    bench.link.cancel("cancel s1 1", S1)
    bench.link.abort("suspect")
    bench.link.abort("again")
    assert bench.pipe.is_aborted
    assert bench.pipe.close_frames == 0
    assert [lost.why for lost in bench.of(CancelLost)] == ["suspect"]


async def test_a_polite_close_still_hears_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await Bench().go_live(monkeypatch)
    bench.link.cancel("cancel s1 1", S1)
    bench.link.close("the daemon stops")
    assert bench.pipe.close_frames == 1
    assert not bench.pipe.is_aborted
    answer = Frame(Opcode.TEXT, b"ack s1 accepted").serialize(mask=False)
    bench.link.data_received(answer)  # was on its way when the close crossed it
    bench.pipe.reply()
    assert [event.send_id for event in bench.of(CancelAnswered)] == ["s1"]
    assert bench.link.session.state is State.CLOSED


async def test_a_polite_close_that_nobody_answers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await Bench(waits=Waits(close_s=0.01)).go_live(monkeypatch)
    bench.link.cancel("cancel s1 1", S1)
    bench.link.close("the daemon stops")
    await bench.watch.until(lambda: bench.pipe.is_aborted)
    assert [lost.why for lost in bench.of(CancelLost)] == ["the daemon stops"]


async def test_a_dead_link_ignores_what_still_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await Bench().go_live(monkeypatch)
    bench.link.abort("suspect")
    bench.events.clear()
    bench.link.data_received(Frame(Opcode.TEXT, b"order o1 new").serialize(mask=False))
    bench.link.eof_received()
    bench.link.connection_lost(None)
    assert bench.events == []


# ---------------------------------------------------------------- TLS and proxies, on real sockets


async def test_tls_is_verified_against_the_given_authority() -> None:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(TLS / "cert.pem", TLS / "key.pem")
    bench, stranger = Bench(), Bench()
    async with serving(bench.watch, server_side) as venue:
        url = venue.endpoints.ws + "/ws"
        with pytest.raises(DialFailed, match="certificate"):
            await stranger.link.dial(url, EGRESS)
        await bench.link.dial(url, Egress(tls_context(str(TLS / "cert.pem"))))
        await bench.watch.until(lambda: bench.link.session.state is State.LIVE)
        bench.link.abort("enough")
        await bench.watch.until(lambda: not venue.sockets)


class Proxy:
    """An HTTP proxy that knows CONNECT only."""

    def __init__(self, status: bytes = b"200 OK") -> None:
        self.requests: list[str] = []
        self.url = ""
        self._status = status
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://user:p%40ss@127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(head)
        writer.write(b"HTTP/1.1 " + self._status + b"\r\n\r\n")
        if not self._status.startswith(b"200"):
            writer.close()
            return
        host, _, port = head.split(" ")[1].rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(_pour(source, sink))
            self._tasks.add(task)


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            sink.write(data)
    except OSError:
        pass
    finally:
        sink.close()


@pytest.mark.parametrize("has_tls", [False, True])
async def test_a_configured_proxy_is_asked_for_a_tunnel(has_tls: bool) -> None:
    bench = Bench()
    server_side = None
    if has_tls:
        server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_side.load_cert_chain(TLS / "cert.pem", TLS / "key.pem")
    async with serving(bench.watch, server_side) as venue, Proxy() as proxy:
        egress = Egress(tls_context(str(TLS / "cert.pem")), Secret(proxy.url))
        await bench.link.dial(venue.endpoints.ws + "/ws", egress)
        await bench.watch.until(lambda: bench.link.session.state is State.LIVE)
        bench.link.abort("enough")
        await bench.watch.until(lambda: not venue.sockets)
    assert proxy.requests[0].startswith("CONNECT ")
    assert "Proxy-Authorization: Basic dXNlcjpwQHNz" in proxy.requests[0]


async def test_a_proxy_that_refuses_is_a_failed_dial_without_its_address() -> None:
    async with Proxy(b"407 Who are you") as proxy:
        with pytest.raises(DialFailed, match="the proxy answered 407") as failed:
            await Bench().link.dial("ws://127.0.0.1:1/ws", Egress(tls_context(), Secret(proxy.url)))
    assert "user" not in failed.value.why


async def test_a_source_address_is_where_the_connection_comes_from() -> None:
    bench = Bench()
    async with serving(bench.watch) as venue:
        await bench.link.dial(venue.endpoints.ws + "/ws", Egress(tls_context(), source_address="127.0.0.2"))
        await bench.watch.until(lambda: venue.sockets)
        peer = venue.sockets[0].get_extra_info("peername")
        bench.link.abort("enough")
        await bench.watch.until(lambda: not venue.sockets)
    assert peer[0] == "127.0.0.2"
