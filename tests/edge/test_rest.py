"""The REST pool against a small server: what is sent, what is kept, and what is said when it fails."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from daemon.edge import questions
from daemon.edge import rest as rest_module
from daemon.edge.net import Egress, tls_context
from daemon.edge.outside import CallFailed, Flight
from daemon.edge.rest import RestPool
from daemon.edge.settings import Waits
from protocols.rest import RestResponse, SignedCall
from tests.edge.fake_venue import Body, Call, FakeVenue, serving
from tests.edge.watch import Watch
from tests.scraping import free_port

TLS = Path(__file__).parent / "tls"
GET = SignedCall("GET", "/orders?id=a%2Fb&sign=SECRET", (("X-Key", "k"),))
POST = SignedCall("POST", "/cancel?sign=SECRET", (("X-Key", "k"), ("Content-Type", "application/json")), b'{"a":1}')


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest_asyncio.fixture
async def venue(watch: Watch) -> AsyncIterator[FakeVenue]:
    async with serving(watch) as venue:
        yield venue


@pytest_asyncio.fixture
async def pool(venue: FakeVenue) -> AsyncIterator[RestPool]:
    async with RestPool(venue.url, Egress(tls_context()), Waits()) as pool:
        yield pool


async def never(_: Call) -> Body:
    await asyncio.Event().wait()
    return ""


async def test_a_call_arrives_exactly_as_it_was_signed(venue: FakeVenue, pool: RestPool) -> None:
    venue.rest["/cancel"] = lambda _: web.Response(status=400, text="no", headers={"X-Left": "3"})
    answer = await pool.call(POST, 5)
    call = venue.calls[0]
    assert (call.method, call.target, call.body) == ("POST", POST.target, '{"a":1}')
    assert call.headers["X-Key"] == "k"
    assert call.headers["Content-Type"] == "application/json"
    assert isinstance(answer, RestResponse)
    assert (answer.status, answer.body) == (400, b"no")
    assert dict(answer.headers)["x-left"] == "3"


async def test_what_is_percent_encoded_stays_so(venue: FakeVenue, pool: RestPool) -> None:
    await pool.call(GET, 5)
    assert venue.calls[0].target == GET.target


async def test_a_connection_is_kept_for_the_next_call(venue: FakeVenue, pool: RestPool) -> None:
    for _ in range(3):
        await pool.call(GET, 5)
    assert len({call.peer for call in venue.calls}) == 1


async def test_a_redirect_is_an_answer_and_is_not_followed(venue: FakeVenue, pool: RestPool) -> None:
    venue.rest["/orders"] = lambda _: web.Response(status=302, headers={"Location": "/elsewhere"})
    answer = await pool.call(GET, 5)
    assert isinstance(answer, RestResponse)
    assert answer.status == 302
    assert len(venue.calls) == 1


async def test_cookies_are_not_kept(venue: FakeVenue, pool: RestPool) -> None:
    venue.rest["/orders"] = lambda _: web.Response(text="", headers={"Set-Cookie": "a=b"})
    await pool.call(GET, 5)
    await pool.call(GET, 5)
    assert "Cookie" not in venue.calls[1].headers


async def test_a_refused_connection_means_that_nothing_left() -> None:
    async with RestPool(f"http://127.0.0.1:{free_port()}", Egress(tls_context()), Waits()) as pool:
        flight = Flight()
        answer = await pool.call(POST, 5, flight)
    assert answer == CallFailed("Connection refused", handed_over=False)
    assert not flight.is_sent


async def test_a_pool_that_is_not_open_sends_nothing() -> None:
    answer = await RestPool("http://127.0.0.1:1", Egress(tls_context()), Waits()).call(POST, 5)
    assert isinstance(answer, CallFailed)
    assert not answer.handed_over


async def test_an_answer_that_does_not_come_in_time_leaves_all_open(venue: FakeVenue, pool: RestPool) -> None:
    venue.rest["/cancel"] = never
    answer = await pool.call(POST, 0.2)
    assert answer == CallFailed("time-out", handed_over=True)


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def test_a_connection_that_breaks_before_the_answer_leaves_all_open() -> None:
    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, RestPool(f"http://127.0.0.1:{port}", Egress(tls_context()), Waits()) as pool:
        answer = await pool.call(POST, 5)
    assert answer == CallFailed("the venue closed the connection", handed_over=True)


async def test_nobody_is_told_that_a_call_left_before_a_connection_stands(venue: FakeVenue, pool: RestPool) -> None:
    told: list[int] = []
    flight = Flight(lambda: told.append(len(venue.calls)))
    assert isinstance(await pool.call(POST, 5, flight), RestResponse)
    assert told == [0]  # once, and before the venue had it


async def test_a_canceled_call_knows_whether_it_had_left(venue: FakeVenue, pool: RestPool, watch: Watch) -> None:
    venue.rest["/cancel"] = never
    flight = Flight()
    calling = asyncio.create_task(pool.call(POST, 5, flight))
    await watch.until(lambda: venue.calls)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert flight.is_sent


async def test_a_failure_names_no_address_and_no_query(venue: FakeVenue, pool: RestPool) -> None:
    venue.rest["/orders"] = never
    failures = [await pool.call(GET, 0.1)]
    async with RestPool("http://[not an address", Egress(tls_context()), Waits()) as wrong:
        failures.append(await wrong.call(GET, 1))
    for failure in failures:
        assert isinstance(failure, CallFailed)
        assert "SECRET" not in failure.why
        assert "127.0.0.1" not in failure.why


async def test_an_answer_without_end_is_cut(venue: FakeVenue, pool: RestPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_module, "BODY_BYTES_MAX", 1000)
    venue.rest["/orders"] = lambda _: "x" * 1001
    assert await pool.call(GET, 5) == CallFailed("the answer is too long", handed_over=True)


async def stale(calls: list[bytes]) -> asyncio.Server:
    """A server that answers one call on each connection and drops the second one unanswered."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for number in range(2):
                head = await reader.readuntil(b"\r\n\r\n")
                lengths = (line[15:] for line in head.split(b"\r\n") if line.startswith(b"Content-Length:"))
                await reader.readexactly(int(next(lengths, b"0")))
                calls.append(head.split(b" ")[0])
                if number == 0:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except asyncio.IncompleteReadError:
            pass  # the client went away with its pool
        finally:
            writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


@pytest.mark.parametrize(("call", "arrived"), [(POST, 2), (GET, 3)])
async def test_only_a_question_is_repeated_when_a_kept_connection_turns_out_dead(
    call: SignedCall, arrived: int
) -> None:
    calls: list[bytes] = []
    server = await stale(calls)
    port = server.sockets[0].getsockname()[1]
    async with server, RestPool(f"http://127.0.0.1:{port}", Egress(tls_context()), Waits()) as pool:
        assert isinstance(await pool.call(call, 5), RestResponse)
        second = await pool.call(call, 5)
    assert len(calls) == arrived
    assert isinstance(second, RestResponse) == (call is GET)
    assert not isinstance(second, CallFailed) or second.handed_over


async def test_a_certificate_is_verified(watch: Watch) -> None:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(TLS / "cert.pem", TLS / "key.pem")
    async with serving(watch, server_side) as venue:
        async with RestPool(venue.url, Egress(tls_context()), Waits()) as stranger:
            refused = await stranger.call(POST, 5)
        async with RestPool(venue.url, Egress(tls_context(str(TLS / "cert.pem"))), Waits()) as friend:
            accepted = await friend.call(POST, 5)
    assert isinstance(refused, CallFailed)
    assert "certificate" in refused.why
    assert not refused.handed_over
    assert isinstance(accepted, RestResponse)


def test_questions_that_hang_leave_connections_for_cancels() -> None:
    assert questions.QUESTIONS_MAX <= rest_module.CONNECTIONS_MAX - 8
