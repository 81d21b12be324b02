"""A storm of crashes: a daemon that is killed again and again while clients ask, lose it, come back and ask again.

Kills are drawn from a seed: at a point of the code (`tests.system.crashing`), or from outside at a moment that is drawn
too: so many cancels after its start at the venue, so many answers, or somewhere in its start. Whatever is drawn, the
clients' memory and the venue's books say at the end what was lost or doubled. Some clients ask once and do not come
back: what was said to be recorded for them has to get its outcome all the same. Nobody writes the journal but the
daemon, so that each life finds its log as the last one left it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from daemon.core.records import RequestOpened
from daemon.edge.journal.intake import path_of, standing, waiting
from daemon.edge.journal.schema import connect_for_reading
from daemon.edge.journal.verify import verify
from tests.system.crashing import STEPS
from tests.system.rig import WAIT_S, Client, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.system.rig import Message, World

CLIENTS = 4
AT_A_TIME = 6
"""Orders that a client rests, and then cancels all at once."""
STARTS_S = 0.5
"""Within so long of its start a daemon is killed that is to die while it starts."""
PATIENCE = 3 * AT_A_TIME
"""After so many answers it is given up that a daemon comes to its point so often."""
VERIFY_EVERY = 10
PROVEN = frozenset({"canceled", "filled"})


@dataclass
class Figures:
    """What a storm came to."""

    kills: Counter[str] = field(default_factory=Counter)
    opened: int = 0
    asked: int = 0
    left: int = 0
    """Of them so many were recorded for somebody who did not come back."""
    outcomes: Counter[str] = field(default_factory=Counter)
    corrected: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unsound: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {how}" for how, count in sorted(self.kills.items()))
        outcomes = ", ".join(f"{count} {word}" for word, count in sorted(self.outcomes.items()))
        return (
            f"kills {sum(self.kills.values())} ({kinds}); the journal opened {self.opened} times; "
            f"requests {self.asked}, {self.left} of them left behind; "
            f"outcomes {sum(self.outcomes.values())} ({outcomes}), {self.corrected} corrected; "
            f"lost {len(self.lost)}, doubled {len(self.doubled)}, wrong {len(self.wrong)}; "
            f"findings in the journal {len(self.unsound)}"
        )


class Asker:
    """A client with a memory: it wants one outcome for each of its names, and asks until it has it."""

    def __init__(self, storm: Storm, number: int) -> None:
        self._storm = storm
        self._number = number
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self.orders: dict[str, str] = {}
        self.heard: dict[str, list[Message]] = {}
        self.recorded: set[str] = set()
        """Names of which the daemon said that they are written down."""
        self.left: set[str] = set()
        """Names that were given up when the connection ended, until the storm is over."""

    async def work(self) -> None:
        """Rest orders and cancel them, until the storm is over."""
        while not self._storm.is_over:
            orders = await self._storm.it.rest(AT_A_TIME)
            once, *names = (f"c{self._number}-{len(self.orders) + n}" for n in range(AT_A_TIME))
            self.orders |= dict(zip((once, *names), orders, strict=True))
            await asyncio.gather(self._ask_once(once), *(self.ask(name) for name in names))

    async def ask_again(self) -> None:
        """Ask for every outcome once more, some at a time."""
        names = list(self.orders)
        for start in range(0, len(names), AT_A_TIME):
            await asyncio.gather(*(self.ask(name) for name in names[start : start + AT_A_TIME]))

    async def ask(self, name: str) -> Message:
        """Ask for a cancel until it is answered, however often the daemon dies meanwhile."""
        while True:
            found = await self._try(name)
            if found is not None:
                return found

    async def _ask_once(self, name: str) -> None:
        if await self._try(name) is None:
            self.left.add(name)

    async def _try(self, name: str) -> Message | None:
        """Ask for a cancel; None if the connection ended before the answer."""
        client = await self._connected()
        with contextlib.suppress(ConnectionError):
            reply = self._storm.it.cancel(client, self.orders[name], request_id=name, progress=True)
            await asyncio.wait([reply])  # it is canceled when the connection ends
            notes = [note["params"] for note in client.notified if note["method"] == "progress"]
            self.recorded |= {note["request_id"] for note in notes if note["state"] == "recorded"}
            if not reply.cancelled():
                said = reply.result()
                assert "result" in said, said
                self.heard.setdefault(name, []).append(said["result"])
                self._storm.answers += 1
                found: Message = said["result"]
                return found
        return None

    async def _connected(self) -> Client:
        async with self._connecting:
            if self._client is not None and not self._client.is_over:
                return self._client
            if self._client is not None:
                await self._client.close()
            while True:
                with contextlib.suppress(ConnectionError, FileNotFoundError):
                    self._client = await Client.connect(self._storm.it.daemon.socket)
                    return self._client
                await asyncio.sleep(0.005)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()


class Storm:
    """A world, its askers, and who kills its daemon ``kills`` times."""

    def __init__(self, it: World, seed: int, kills: int, *, is_strict: bool = False) -> None:
        """``is_strict``: the daemon is, so that a word that was told is the one that is told after a crash."""
        self.it = it
        self._is_strict = is_strict
        self.is_over = False
        self.answers = 0
        self.figures = Figures()
        self._draw = random.Random(seed)
        self._kills = kills
        self._askers = [Asker(self, number) for number in range(CLIENTS)]

    async def blow(self) -> Figures:
        """Let it happen, wait until everybody has what they want, and count."""
        async with asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(asker.work()) for asker in self._askers]
            for number in range(self._kills):
                await self._a_life_and_its_end()
                if number % VERIFY_EVERY == 0:
                    await self._verify()
            await self.it.daemon.start()
            self.is_over = True
            async with asyncio.timeout(WAIT_S):
                await asyncio.gather(*work)
        await self._count()
        return self.figures

    # ------------------------------------------------------------ killing

    async def _a_life_and_its_end(self) -> None:
        how = self._draw.choice(["at a point", "at a point", "from outside", "from outside", "while it starts"])
        step, turn = self._draw.choice(STEPS), self._draw.randint(1, 3)
        is_at_a_point = how == "at a point"
        starting = asyncio.create_task(
            self.it.daemon.start({"CANCELD_TEST_CRASH": f"{step}:{turn}"} if is_at_a_point else {})
        )
        if how == "while it starts":
            await asyncio.sleep(self._draw.uniform(0.0, STARTS_S))  # the moment is what is drawn
            while self.it.daemon.process is None:
                await asyncio.sleep(0)
        else:
            await starting
            has_come = self._moment(PATIENCE if is_at_a_point else self._draw.randint(0, AT_A_TIME))
            await until(lambda: has_come() or self._is_dead)
            if is_at_a_point and not self._is_dead:  # the point may not be passed so often
                how = "from outside"
        code = await self.it.daemon.stop(signal.SIGKILL)
        starting.cancel()
        await asyncio.wait([starting])
        assert code == -signal.SIGKILL, (self.it.daemon.folder / "canceld.log").read_text()[-2000:]
        self.figures.kills[how] += 1
        self._look_for_the_lost()

    @property
    def _is_dead(self) -> bool:
        process = self.it.daemon.process
        return process is not None and process.returncode is not None

    def _moment(self, count: int) -> Callable[[], bool]:
        """Draw when it is time: so many cancels later, or so many answers."""
        cancels = self.it.venue.floor.stats.cancels
        if self._draw.random() < 0.5:
            arrived = sum(cancels.values()) + count
            return lambda: sum(cancels.values()) >= arrived
        answered = self.answers + count
        return lambda: self.answers >= answered

    # ------------------------------------------------------------ counting

    def _look_for_the_lost(self) -> None:
        """Whoever had an answer asks no more, so each name with any word has to be in the journal of the killed.

        Or in its intake, of which the next life makes a part of it.
        """
        told = {name for asker in self._askers for name in asker.heard.keys() | asker.recorded}
        kept = self._names_in("requests") | self._names_waiting()
        self.figures.lost += sorted(told - kept - set(self.figures.lost))

    def _names_waiting(self) -> set[str]:
        journal = self.it.daemon.folder / "journal.sqlite"
        if not path_of(journal).exists():
            return set()
        with closing(connect_for_reading(journal)) as db:
            receipts, problems = waiting(standing(path_of(journal)), db)
        assert not problems, problems
        records = chain.from_iterable(receipt.records for receipt in receipts)
        return {record.request.key.request_id for record in records if isinstance(record, RequestOpened)}

    def _names_in(self, table: str) -> set[str]:
        journal = self.it.daemon.folder / "journal.sqlite"
        if not journal.exists():
            return set()
        with closing(connect_for_reading(journal)) as db:
            is_made = db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
            return {name for (name,) in db.execute(f"SELECT request_id FROM {table}")} if is_made else set()

    async def _verify(self) -> None:
        """Look into the journal of a daemon that has just been killed."""
        journal = self.it.daemon.folder / "journal.sqlite"
        if journal.exists() and journal.stat().st_size:
            seen = await asyncio.to_thread(verify, journal)
            self.figures.unsound += [str(finding) for finding in seen.findings]

    async def _count(self) -> None:
        """Ask about everything once more, and hold what was heard against the books of venue and journal."""
        figures = self.figures
        await self._await_what_nobody_asks_for()
        async with asyncio.timeout(WAIT_S):
            await asyncio.gather(*(asker.ask_again() for asker in self._askers))
        for asker in self._askers:
            for name, order_id in asker.orders.items():
                self._judge(name, order_id, asker.heard.get(name, []))
            await asker.close()
        assert await self.it.daemon.stop() == 0
        await self._verify()
        with closing(sqlite3.connect(self.it.daemon.folder / "journal.sqlite")) as db:
            words = db.execute("SELECT request_id, count(*) FROM outcomes WHERE revision = 0 GROUP BY 1").fetchall()
            (figures.opened,) = db.execute("SELECT value FROM meta WHERE name = 'boot'").fetchone()
        names = {name for asker in self._askers for name in asker.orders}
        first: dict[str, int] = dict(words)
        figures.asked = len(names)
        figures.lost += sorted(names - first.keys() - set(figures.lost))
        figures.doubled += sorted(name for name, count in first.items() if count > 1 or name not in names)

    async def _await_what_nobody_asks_for(self) -> None:
        """What was recorded for somebody who did not come back gets its outcome without anybody's asking."""
        left = {name for asker in self._askers for name in asker.left & asker.recorded}
        self.figures.left = len(left)
        try:
            await until(lambda: left <= self._names_in("outcomes"))
        except TimeoutError:
            self.figures.lost += sorted(left - self._names_in("outcomes") - set(self.figures.lost))

    def _judge(self, name: str, order_id: str, heard: list[Message]) -> None:
        figures = self.figures
        if not heard:
            figures.lost.append(name)
            return
        words = {(result["outcome"], result["seq"] if self._is_strict else None) for result in heard}
        if len(words) > 1:
            figures.doubled.append(f"{name}: {words}")
        figures.outcomes[heard[0]["outcome"]] += 1
        latest = heard[-1].get("latest", heard[-1])
        figures.corrected += latest["revision"] > 0
        truth = self.it.truth_of(order_id)
        if (latest["outcome"], latest["cum_qty"]) != truth:
            figures.wrong.append(f"{name}: {latest} is not {truth}")
        false = {result["outcome"] for result in heard} & PROVEN - {truth[0]}
        if false:  # nothing that it had to take back is called proven
            figures.wrong.append(f"{name}: {false} was said, and it is {truth}")
