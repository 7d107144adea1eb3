import asyncio
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from evsed.core.commands import Restore
from evsed.core.events import SessionEvent
from evsed.core.states import EventKind as K
from evsed.gateway.store import Store
from evsed.gateway.store_thread import StoreThread
from evsed.link.messages import NumberedEvent
from tests.chain.disk import Disk, mounted

STARTED = [(NumberedEvent(1, 1.0, SessionEvent(K.SESSION_STARTED, "u1")), 5.0)]
FINISHED = [(NumberedEvent(2, 2.0, SessionEvent(K.SESSION_FINISHED, "u1")), 6.0)]


class Rig:
    def __init__(self, path: Path) -> None:
        self.reader = Store(path)
        self.thread = StoreThread(self.reader)
        self.errors: list[sqlite3.Error | None] = []
        self.heard = asyncio.Event()

    def done(self, error: sqlite3.Error | None) -> None:
        self.errors.append(error)
        self.heard.set()

    async def next_done(self) -> None:
        await asyncio.wait_for(self.heard.wait(), 5.0)
        self.heard.clear()


@pytest.fixture
def play(tmp_path: Path):
    def run(story) -> None:
        async def whole() -> None:
            rig = Rig(tmp_path / "evsed.sqlite")
            await story(rig)
            rig.thread.close()
            rig.reader.close()

        asyncio.run(whole())

    return run


def holding_the_disk(rig: Rig) -> Callable[[], None]:
    """The thread waits until the returned function is called."""
    gate = threading.Event()
    rig.thread._executor.submit(gate.wait, 5.0)
    return gate.set


def test_done_means_that_a_reader_sees_it(play) -> None:
    async def story(rig: Rig) -> None:
        rig.thread.store("boot", STARTED, True, rig.done)
        assert rig.thread.pending_n == 1
        await rig.next_done()
        assert rig.errors == [None]
        assert rig.reader.stored_n("boot") == 1
        assert rig.thread.pending_n == 0

    play(story)


def test_the_loop_goes_on_while_the_disk_is_waited_for(play) -> None:
    async def story(rig: Rig) -> None:
        let_go = holding_the_disk(rig)
        rig.thread.store("boot", STARTED, True, rig.done)
        await asyncio.sleep(0.02)
        assert rig.errors == []
        assert rig.reader.stored_n("boot") == 0
        let_go()
        await rig.next_done()
        assert rig.reader.stored_n("boot") == 1

    play(story)


def test_what_is_restored_holds_what_was_asked_to_be_stored_before(play) -> None:
    async def story(rig: Rig) -> None:
        let_go, found = holding_the_disk(rig), []

        def take(restore: Restore) -> None:
            found.append(restore)
            rig.heard.set()

        rig.thread.store("boot", STARTED, True, lambda error: None)
        rig.thread.restore(take)
        let_go()
        await rig.next_done()
        assert found[0].open_session.uuid == "u1"

    play(story)


def test_a_disk_that_takes_nothing_is_said_to_be_so(play) -> None:
    async def story(rig: Rig) -> None:
        rig.reader._db.execute(
            "CREATE TRIGGER full BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        )
        rig.thread.store("boot", STARTED, True, rig.done)
        await rig.next_done()
        assert "disk is full" in str(rig.errors[0])

    play(story)


def test_closing_ends_what_has_been_asked_for_first(tmp_path: Path) -> None:
    async def story() -> None:
        rig = Rig(tmp_path / "evsed.sqlite")
        let_go = holding_the_disk(rig)
        rig.thread.store("boot", STARTED, True, rig.done)
        rig.thread.store("boot", FINISHED, True, rig.done)
        let_go()
        rig.thread.close()
        assert rig.reader.stored_n("boot") == 2
        rig.reader.close()

    asyncio.run(story())


def test_marks_are_taken_too(play) -> None:
    async def story(rig: Rig) -> None:
        rig.thread.store("boot", STARTED, True, rig.done)
        await rig.next_done()
        rig.thread.published(rig.reader.unpublished(), rig.done)
        await rig.next_done()
        assert rig.reader.unpublished_n() == 0

    play(story)


def test_a_store_that_was_opened_read_only_writes_once_the_disk_may_be_written(tmp_path: Path) -> None:
    async def story(disk: Disk) -> None:
        path = disk.path / "evsed.sqlite"
        shutil.copytree(killed, disk.path, dirs_exist_ok=True)
        disk.make_read_only()
        rig = Rig(path)
        rig.thread.store("boot", STARTED, True, rig.done)
        await rig.next_done()
        assert "readonly" in str(rig.errors[-1])
        disk.make_writable()
        for _ in range(2):  # the second is what the gateway does a second after the first
            rig.thread.store("boot", STARTED, True, rig.done)
            await rig.next_done()
        assert rig.errors[-1] is None
        assert rig.reader.stored_n("boot") == 1
        rig.thread.close()
        rig.reader.close()

    killed = tmp_path / "as-a-kill-leaves-it"
    killed.mkdir()
    store = Store(tmp_path / "evsed.sqlite")
    for name in ("", "-wal", "-shm"):
        shutil.copy(tmp_path / f"evsed.sqlite{name}", killed / f"evsed.sqlite{name}")
    store.close()
    with mounted(tmp_path / "disk") as disk:
        asyncio.run(story(disk))
