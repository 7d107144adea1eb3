"""Everything that writes to the store, on a thread of its own: a commit waits for the disk, 2 to 90 ms.

Rule 1: what is asked is done in that order, one after the other.
Rule 2: done is called on the loop, with the sqlite3.Error if there was one; nothing has been written then.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from evsed.clock import utc_s
from evsed.core.commands import Restore
from evsed.gateway.store import SignedTransaction, Store, StoredEvent
from evsed.link.messages import NumberedEvent

_PRIMARY_CODE = 0xFF  # of an extended result code

Done = Callable[[sqlite3.Error | None], None]


class StoreThread:
    """Made on a running loop, for a database that `reader` has opened before. Raises sqlite3.Error."""

    def __init__(self, reader: Store) -> None:
        self._loop = asyncio.get_running_loop()
        self._executor = ThreadPoolExecutor(1, "store")
        self._reader = reader
        self._store = self._executor.submit(Store, reader.path, check=False).result()
        self.pending_n = 0

    def store(
        self,
        boot_id: str,
        events: Sequence[tuple[NumberedEvent, float]],
        synchronised: bool,
        done: Done,
        signed: Sequence[SignedTransaction] = (),
    ) -> None:
        self._do(lambda: self._store.store(boot_id, events, synchronised, signed), done)

    def published(self, events: Sequence[StoredEvent], done: Done) -> None:
        self._do(lambda: self._store.published(events), done)

    def restore(self, take: Callable[[Restore], None]) -> None:
        """With everything that was asked to be stored before."""
        found: list[Restore] = []

        def done(error: sqlite3.Error | None) -> None:
            if error is not None:
                raise error
            take(found[0])

        self._do(lambda: found.append(self._store.restore(utc_s())), done)

    def close(self) -> None:
        """Ends what has been asked for first. done is called for none of it any more."""
        self._executor.submit(self._store.close).result()
        self._executor.shutdown()

    def _do(self, action: Callable[[], None], done: Done) -> None:
        self.pending_n += 1
        future = self._loop.run_in_executor(self._executor, action)
        future.add_done_callback(lambda future: self._ended(future, done))

    def _ended(self, future: "asyncio.Future[None]", done: Done) -> None:
        self.pending_n -= 1
        error = future.exception()
        if error is not None and not isinstance(error, sqlite3.Error):
            raise error
        if error is not None and error.sqlite_errorcode & _PRIMARY_CODE == sqlite3.SQLITE_READONLY:
            self._open_anew_if_writable()
        done(error)

    def _open_anew_if_writable(self) -> None:
        """SQLite keeps a file read-only as long as any connection of this process is open that met it so."""
        if os.access(self._reader.path, os.W_OK):
            self._reader.close()
            self._executor.submit(self._store.close).result()
            self._executor.submit(self._store.open_again).result()
            self._reader.open_again()
