"""From the bytes of a request to its reply, with the real router and an imagined control."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from evsed.api.errors import ActiveErrors
from evsed.api.identity import Identity
from evsed.api.older import OLDER
from evsed.api.router import Publication, Router
from evsed.core.commands import Command, PauseCharging, SetSchedule
from evsed.core.events import CommandDone
from evsed.gateway.control_link import ControlAway
from evsed.gateway.latest import LatestValues
from evsed.gateway.queries import Queries
from evsed.gateway.requests import Requests
from evsed.gateway.store import Store

API = "everest_api/1/evse_manager_consumer/evse/m2e/"
SCHEDULES = {
    "schedule_import": [
        {"timestamp": "2026-01-01T00:00:00Z", "limits_to_root": {}, "limits_to_leaves": {}},
    ],
    "schedule_export": [
        {"timestamp": "2026-01-01T00:00:00Z", "limits_to_root": {}, "limits_to_leaves": {}},
    ],
}


class Control:
    """Notes what it is asked; answers when told to."""

    def __init__(self) -> None:
        self.asked: list[Command] = []
        self.futures: list[asyncio.Future[CommandDone]] = []

    def ask(self, command: Command) -> "asyncio.Future[CommandDone]":
        self.asked.append(command)
        self.futures.append(asyncio.get_running_loop().create_future())
        return self.futures[-1]


class Rig:
    def __init__(self, path: Path) -> None:
        self.store, self.control = Store(path), Control()
        self.sent: list[Publication] = []
        self.lines: list[str] = []
        router = Router(Identity(), older=OLDER)
        queries = Queries(self.store, LatestValues([]), ActiveErrors(), lambda: 0.0, lambda alive: None)
        self.requests = Requests(
            router,
            self.control,
            queries,
            self._publish,
            lambda priority, text, fields: self.lines.append(text),
        )

    def _publish(self, publication: Publication) -> int:
        self.sent.append(publication)
        return 0

    def take(self, name: str, body: object) -> None:
        self.requests.take(API + name, msgspec.json.encode(body))

    def replies(self) -> list[tuple[str, bytes]]:
        return [(publication.topic, publication.payload) for publication in self.sent]


REQUEST = {"headers": {"replyTo": "c/1"}}


@pytest.fixture
def play(tmp_path: Path):
    def run(story) -> None:
        async def whole() -> None:
            rig = Rig(tmp_path / "evsed.sqlite")
            await story(rig)
            rig.store.close()

        asyncio.run(whole())

    return run


def test_control_is_asked_and_its_answer_is_the_reply(play) -> None:
    async def story(rig: Rig) -> None:
        rig.take("pause_charging", REQUEST)
        assert rig.control.asked == [PauseCharging()]
        assert rig.replies() == []
        rig.control.futures[0].set_result(CommandDone(1, True))
        await asyncio.sleep(0)
        assert rig.replies() == [("c/1", b"true")]

    play(story)


def test_several_commands_of_one_request_are_asked_in_order_and_what_is_not_followed_is_noted(play) -> None:
    async def story(rig: Rig) -> None:
        rig.take("set_external_limits", SCHEDULES)
        assert [type(command) for command in rig.control.asked] == [SetSchedule, SetSchedule]
        assert "schedule_export is not looked at" in rig.lines[0]
        rig.take("set_external_limits", SCHEDULES)
        assert len(rig.lines) == 1
        for future in rig.control.futures:
            future.set_exception(ControlAway("gone"))
        await asyncio.sleep(0)
        assert len(rig.control.asked) == 4
        assert sum("not carried out: gone" in line for line in rig.lines) == 1

    play(story)


def test_a_query_is_answered_at_once(play) -> None:
    async def story(rig: Rig) -> None:
        rig.take("get_signed_meter_value", REQUEST)
        rig.take("limits/get", REQUEST)
        assert rig.replies() == [("c/1", b'"NOT_AVAILABLE"'), ("c/1", b"null")]
        assert rig.control.asked == []

    play(story)


def test_who_gives_no_reply_topic_hears_nothing(play) -> None:
    async def story(rig: Rig) -> None:
        rig.take("get_active_errors", {})
        rig.take("get_evse", {})
        assert rig.replies() == []

    play(story)


def test_what_is_not_understood_is_counted_not_executed_and_told_once(play) -> None:
    async def story(rig: Rig) -> None:
        for _ in range(3):
            rig.take("pause_charging", [])
        assert rig.requests.bad_n == 3
        assert (rig.control.asked, rig.replies(), len(rig.lines)) == ([], [], 1)

    play(story)
