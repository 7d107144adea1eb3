"""A signed meter's part in a transaction: what it is asked, and when control hears of an event stored."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from evsed.clock import utc_of
from evsed.core.events import SessionEvent
from evsed.core.states import EventKind as K
from evsed.core.tokens import AuthorizationType, IdToken, IdTokenType, ProvidedIdToken
from evsed.gateway.signed_metering import IDENTIFICATION_TYPES, SignedMetering
from evsed.gateway.store import SignedTransaction, Store
from evsed.link.messages import NumberedEvent
from hal.errors import DeviceFailed, HalError
from hal.types import MeterReading, Missing, SignedStart, SignedValue

TOKEN = ProvidedIdToken(IdToken("04A2", IdTokenType.ISO14443), AuthorizationType.RFID)
BEGUN, ENDED = SignedValue("OCMF|begin"), SignedValue("OCMF|end")
TRANSACTION = (K.TRANSACTION_STARTED, K.TRANSACTION_FINISHED)
SILENT = DeviceFailed("timeout: no answer")
READING = MeterReading(1.0, 5.0)


def numbered(*kinds: K, uuid: str = "u1", first_n: int = 1) -> list[NumberedEvent]:
    return [
        NumberedEvent(n, float(n), SessionEvent(kind, uuid, id_tag=TOKEN))
        for n, kind in enumerate(kinds, first_n)
    ]


class Meter:
    """Records that the test answers: what was asked stays open until then."""

    def __init__(self, story: list[str]) -> None:
        self.story, self.started = story, list[SignedStart]()
        self.ended = list[str]()
        self.open: asyncio.Future[Any] | None = None
        self.key: str | Missing = "3059"

    def begin(self, record: SignedStart) -> "asyncio.Future[SignedValue | None]":
        self.started.append(record)
        return self._ask("begin")

    def end(self, transaction_id: str) -> "asyncio.Future[SignedValue]":
        self.ended.append(transaction_id)
        return self._ask("end")

    def public_key(self) -> "asyncio.Future[str | Missing]":
        self.story.append("key?")
        future: asyncio.Future[str | Missing] = asyncio.get_running_loop().create_future()
        future.set_result(self.key)
        return future

    def _ask(self, what: str) -> "asyncio.Future[Any]":
        self.story.append(what)
        self.open = asyncio.get_running_loop().create_future()
        return self.open

    async def answer(self, outcome: SignedValue | HalError | None) -> None:
        assert self.open is not None
        if isinstance(outcome, HalError):
            self.open.set_exception(outcome)
        else:
            self.open.set_result(outcome)
        self.open = None
        await settled()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class Rig:
    """story: what happened, in order; stores into a real store, unless its disk is full."""

    def __init__(self, path: Path) -> None:
        self.store, self.story = Store(path), list[str]()
        self.meter = Meter(self.story)
        self.lines: list[str] = []
        self.full = False
        self.metering = SignedMetering(
            "DE*1", self.meter, Keeper(self), self.store, self, lambda p, text, f: self.lines.append(text)
        )

    def take(self, *events: NumberedEvent, boot_id: str = "boot") -> Coroutine[Any, Any, None]:
        last_n = events[-1].n
        self.metering.store(boot_id, list(events), lambda ok: self.story.append(f"ack {last_n} {ok}"))
        return settled()

    # Consequences.

    def key_read(self, key: str) -> None:
        self.story.append(f"key {key}")

    def part_stored(self) -> None:
        self.story.append("told")

    async def refuse(self, why: str) -> None:
        self.story.append(f"stop: {why}")

    def session_over(self) -> None:
        self.story.append("session over")


class Keeper:
    """Events without a thread."""

    def __init__(self, rig: "Rig") -> None:
        self._rig = rig

    def store(
        self,
        boot_id: str,
        events: list[NumberedEvent],
        done: Callable[[bool], None],
        signed: tuple[SignedTransaction, ...] = (),
    ) -> None:
        rig = self._rig
        if rig.full:
            done(False)
            return
        rig.store.store(boot_id, [(e, utc_of(e.at_s)) for e in events], True, signed)
        rig.story.append(f"stored {[e.n for e in events]}")
        done(True)


@pytest.fixture
def play(tmp_path: Path):
    def run(story: Callable[[Rig], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            rig = Rig(tmp_path / "evsed.sqlite")
            await story(rig)
            rig.store.close()

        asyncio.run(whole())

    return run


def test_the_start_is_acknowledged_only_once_the_record_runs(play) -> None:
    async def story(rig: Rig) -> None:
        await rig.take(*numbered(K.AUTHORIZED, K.TRANSACTION_STARTED, K.PREPARE_CHARGING))
        assert rig.story == ["stored [1]", "told", "begin"]
        assert rig.metering.pending_n == 1
        await rig.meter.answer(BEGUN)
        assert rig.story[3:] == ["stored [2, 3]", "told", "ack 3 True"]
        assert rig.store.signed_transaction("u1") == SignedTransaction("u1", BEGUN)
        assert rig.metering.pending_n == 0

    play(story)


def test_the_meter_is_told_who_and_where(play) -> None:
    async def story(rig: Rig) -> None:
        await rig.take(*numbered(K.TRANSACTION_STARTED))
        assert rig.meter.started == [SignedStart("DE*1", "u1", "ISO14443", "04A2", "")]

    play(story)


def test_a_transaction_without_a_token_is_nobodys(play) -> None:
    async def story(rig: Rig) -> None:
        await rig.take(NumberedEvent(1, 1.0, SessionEvent(K.TRANSACTION_STARTED, "u1")))
        assert rig.meter.started == [SignedStart("DE*1", "u1", "NONE", "", "")]

    play(story)


def test_every_token_type_has_its_word() -> None:
    assert set(IDENTIFICATION_TYPES) == set(IdTokenType)


def test_later_events_wait_and_keep_their_order(play) -> None:
    async def story(rig: Rig) -> None:
        await rig.take(*numbered(K.TRANSACTION_STARTED))
        await rig.take(*numbered(K.ENABLED, first_n=2))
        assert rig.story == ["begin"]
        await rig.meter.answer(None)
        assert [line for line in rig.story if line.startswith("ack")] == ["ack 1 True", "ack 2 True"]

    play(story)


def test_a_start_that_fails_stops_the_transaction_before_it_is_acknowledged(play) -> None:
    async def story(rig: Rig) -> None:
        await rig.take(*numbered(K.TRANSACTION_STARTED))
        await rig.meter.answer(SILENT)
        assert rig.story == ["begin", f"stop: {SILENT}", "stored [1]", "told", "ack 1 True"]
        assert rig.store.signed_transaction("u1") is None
        await rig.take(*numbered(K.TRANSACTION_FINISHED, K.SESSION_FINISHED, first_n=2))
        assert rig.story[5:] == ["stored [2]", "told", "session over", "stored [3]", "told", "ack 3 True"]

    play(story)


def test_the_end_is_stored_with_its_value(play) -> None:
    async def story(rig: Rig) -> None:
        await rig.take(*numbered(*TRANSACTION))
        await rig.meter.answer(BEGUN)
        assert rig.story[-1] == "end"
        await rig.meter.answer(ENDED)
        assert rig.story[-3:] == ["stored [2]", "told", "ack 2 True"]
        assert rig.store.signed_transaction("u1") == SignedTransaction("u1", BEGUN, ENDED)

    play(story)


def test_an_end_that_fails_goes_out_unsigned_and_the_journal_says_so(play) -> None:
    async def story(rig: Rig) -> None:
        await rig.take(*numbered(*TRANSACTION))
        await rig.meter.answer(BEGUN)
        await rig.meter.answer(SILENT)
        await rig.meter.answer(SILENT)
        assert rig.story[-1] == "ack 2 True"
        assert rig.meter.ended == ["u1", "u1"]
        assert rig.store.signed_transaction("u1") == SignedTransaction("u1", BEGUN)
        assert "no signed value of the transaction's end: timeout: no answer" in rig.lines[-1]

    play(story)


def test_an_end_that_fails_once_is_asked_for_again(play) -> None:
    async def story(rig: Rig) -> None:
        await rig.take(*numbered(*TRANSACTION))
        await rig.meter.answer(BEGUN)
        await rig.meter.answer(SILENT)
        assert rig.story[-1] == "end"
        await rig.meter.answer(ENDED)
        assert rig.store.signed_transaction("u1") == SignedTransaction("u1", BEGUN, ENDED)
        assert not [line for line in rig.lines if "no signed value" in line]

    play(story)


def test_a_connection_that_breaks_brings_events_twice_and_the_meter_is_asked_once(play) -> None:
    async def story(rig: Rig) -> None:
        for _ in range(2):
            await rig.take(*numbered(*TRANSACTION))
        await rig.meter.answer(BEGUN)
        await rig.meter.answer(ENDED)
        assert rig.story.count("begin") == rig.story.count("end") == 1
        assert rig.story.count("ack 2 True") == 2
        assert rig.store.signed_transaction("u1") == SignedTransaction("u1", BEGUN, ENDED)

    play(story)


def test_a_full_disk_does_not_start_the_record_twice(play) -> None:
    async def story(rig: Rig) -> None:
        rig.full = True
        await rig.take(*numbered(K.TRANSACTION_STARTED))
        await rig.meter.answer(BEGUN)
        assert rig.story == ["begin", "ack 1 False"]
        rig.full = False
        await rig.take(*numbered(K.TRANSACTION_STARTED))
        assert rig.story[2:] == ["stored [1]", "told", "ack 1 True"]
        assert rig.store.signed_transaction("u1") == SignedTransaction("u1", BEGUN)

    play(story)


def test_a_restarted_gateway_ends_what_another_has_begun(play) -> None:
    async def story(rig: Rig) -> None:
        rig.store.store("boot", [], True, [SignedTransaction("u1", BEGUN)])
        await rig.take(*numbered(K.SESSION_RESUMED, K.TRANSACTION_FINISHED), boot_id="next")
        await rig.meter.answer(ENDED)
        assert rig.meter.ended == ["u1"]
        assert rig.store.signed_transaction("u1") == SignedTransaction("u1", BEGUN, ENDED)

    play(story)


def test_a_transaction_that_the_meter_knows_nothing_of_is_not_ended_there(play) -> None:
    async def story(rig: Rig) -> None:
        await rig.take(*numbered(K.TRANSACTION_FINISHED))
        assert rig.story == ["stored [1]", "told", "ack 1 True"]

    play(story)


def test_the_key_is_asked_for_until_it_is_known(play) -> None:
    async def story(rig: Rig) -> None:
        rig.meter.key = Missing("timeout", 1.0)
        for reading in (Missing("timeout", 1.0), READING):
            rig.metering.meter_read(reading)
            await settled()
        rig.meter.key = "3059"
        for _ in range(2):
            rig.metering.meter_read(READING)
            await settled()
        assert rig.story == ["key?", "key?", "key 3059"]

    play(story)
