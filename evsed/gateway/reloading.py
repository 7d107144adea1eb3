"""A new configuration while charging goes on: all of it, or nothing and why.

Rule 1: a key marked safety needs a restart of evsed; while one of them differs, nothing is taken.
Rule 2: control takes its part as a command. The gateway takes its own by ending: who supervises it starts it
again at once, and it reads everything anew, the files that settings only name included.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from evsed.config import ConfigError
from evsed.config.core_settings import settings_of
from evsed.config.keys import KEYS, Key, value_of
from evsed.config.schema import Config
from evsed.config.tokens import TokenFileError
from evsed.core.commands import Command, Configure
from evsed.core.events import CommandDone
from evsed.core.settings import Settings
from evsed.gateway.control_link import ControlAway
from evsed.service import INFO, WARNING, JournalLine

GRACE_S = 0.1  # for the answer to whoever has asked
HOW_TO_RESTART = "systemctl restart evsed evsed-gateway"


class Outcome(msgspec.Struct, frozen=True):
    """changed: the keys that differ, all of them taken; why: nothing was."""

    changed: tuple[str, ...] = ()
    why: str = ""


class Reloading:
    """Made on a running loop. load raises ConfigError; end is called once when the gateway has to."""

    def __init__(
        self,
        config: Config,
        load: Callable[[], Config],
        ask: Callable[[Command], Awaitable[CommandDone]],
        end: Callable[[], None],
        journal: JournalLine,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._config, self._load, self._ask, self._end = config, load, ask, end
        self._journal = journal
        self._task: asyncio.Task[Outcome] | None = None
        self.taken = False

    def begin(self) -> None:
        """For a signal, which waits for nothing."""
        self._task = self._loop.create_task(self.reload())

    async def reload(self) -> Outcome:
        outcome = await self._reload()
        if outcome.why:
            self._journal(WARNING, f"configuration: nothing of it is taken: {outcome.why}", {})
        else:
            changed = ", ".join(outcome.changed) or "no key has changed"
            self._journal(INFO, f"configuration: read anew ({changed}); the gateway starts again with it", {})
        return outcome

    async def _reload(self) -> Outcome:
        try:
            wanted = self._load()
            settings = settings_of(wanted)
        except (ConfigError, TokenFileError) as error:
            return Outcome(why="; ".join(str(error).splitlines()))
        changed = [key for key in KEYS.values() if value_of(self._config, key) != value_of(wanted, key)]
        if for_restart := [key for key in changed if key.safety]:
            return Outcome(why=f"{_names(for_restart)}: taken at a restart only ({HOW_TO_RESTART})")
        await self._configure(settings)
        self.taken = True
        self._loop.call_later(GRACE_S, self._end)
        return Outcome(tuple(key.name for key in changed))

    async def _configure(self, settings: Settings) -> None:
        try:
            await self._ask(Configure(settings))
        except ControlAway:
            self._journal(INFO, "configuration: control is away, and reads it when it starts", {})


def _names(keys: list[Key]) -> str:
    return ", ".join(key.name for key in keys)
