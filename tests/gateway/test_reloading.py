"""A configuration that changes while charging goes on."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from evsed.config import Config, load
from evsed.config.core_settings import settings_of
from evsed.core.commands import Command, Configure
from evsed.core.events import CommandDone
from evsed.gateway import reloading
from evsed.gateway.control_link import ControlAway
from evsed.gateway.reloading import Outcome, Reloading


class Bench:
    """A gateway with these settings, whose file then has others."""

    def __init__(self, root: Path, before: str = "") -> None:
        self.root, self.file = root, root / "etc/evsed/evsed.toml"
        self.file.parent.mkdir(parents=True)
        self.file.write_text(before)
        self.asked: list[Command] = []
        self.lines: list[tuple[int, str]] = []
        self.ended_n = 0
        self.away = False

    def config(self) -> Config:
        return load([], [], None, self.root).config

    def reload(self, after: str) -> Outcome:
        before = self.config()
        self.file.write_text(after)
        return asyncio.run(self._reload(before))

    async def _reload(self, before: Config) -> Outcome:
        made = Reloading(before, self.config, self._ask, self._end, self._journal)
        outcome = await made.reload()
        assert not self.ended_n  # whoever has asked hears of it first
        await asyncio.sleep(2 * reloading.GRACE_S)
        assert made.taken is bool(self.ended_n)
        return outcome

    async def _ask(self, command: Command) -> CommandDone:
        if self.away:
            raise ControlAway("it is away")
        self.asked.append(command)
        return CommandDone(1, True)

    def _end(self) -> None:
        self.ended_n += 1

    def _journal(self, priority: int, text: str, fields: Mapping[str, str]) -> None:
        self.lines.append((priority, text))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, "core.wake_up = true\n")


def test_control_is_asked_and_then_the_gateway_ends(bench: Bench) -> None:
    outcome = bench.reload('core.wake_up = false\nmqtt.port = 1884\nauth.mode = "free"\n')
    assert outcome == Outcome(("mqtt.port", "auth.mode", "core.wake_up"))
    assert bench.asked == [Configure(settings_of(bench.config()))]
    assert bench.ended_n == 1
    assert bench.lines == [
        (6, "configuration: read anew (mqtt.port, auth.mode, core.wake_up); the gateway starts again with it")
    ]


def test_a_key_for_a_restart_holds_back_all_others(bench: Bench) -> None:
    outcome = bench.reload("core.wake_up = false\nevse.max_current_a = 16\nevse.id = 2\n")
    assert outcome.changed == ()
    assert outcome.why.startswith("evse.id, evse.max_current_a: taken at a restart only (systemctl restart")
    assert (bench.asked, bench.ended_n) == ([], 0)
    assert bench.lines == [(4, f"configuration: nothing of it is taken: {outcome.why}")]


def test_the_simulated_world_takes_nothing_from_an_evsed_that_runs(bench: Bench) -> None:
    assert bench.reload("sim.noise_mv = 5\n").why.startswith("sim.noise_mv: taken at a restart only")


def test_what_is_wrong_is_told_with_its_place(bench: Bench) -> None:
    outcome = bench.reload("core.wake_upp = false\nmqtt.port = 0\n")
    assert f"{bench.file}:1" in outcome.why
    assert f"{bench.file}:2" in outcome.why
    assert "\n" not in outcome.why
    assert (bench.asked, bench.ended_n) == ([], 0)


def test_files_that_settings_name_are_read_anew_though_no_key_has_changed(bench: Bench) -> None:
    cards = bench.root / "cards.toml"
    cards.write_text('"04A2B3C4" = "Anna"\n')
    text = f'auth.mode = "tokens"\nauth.token_file = "{cards}"\n'
    bench.file.write_text(text)
    cards.write_text('"04A2B3C4" = "Anna"\n"04A2B3C5" = "Ben"\n')
    assert bench.reload(text) == Outcome()
    (asked,) = bench.asked
    assert isinstance(asked, Configure)
    assert [known.name for known in asked.settings.tokens] == ["Anna", "Ben"]
    assert bench.ended_n == 1


def test_a_control_that_is_away_reads_it_at_its_start(bench: Bench) -> None:
    bench.away = True
    assert bench.reload("core.wake_up = false\n") == Outcome(("core.wake_up",))
    assert bench.ended_n == 1
    assert "control is away" in bench.lines[0][1]


def test_settings_cross_the_link_whole() -> None:
    command = Configure(settings_of(Config()))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(command), type=Configure) == command
