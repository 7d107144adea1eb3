"""Cards and thermometers, on an imagined clock."""

import asyncio
import time

from evsed.gateway.peripheral_poller import CardField, PeripheralPoller
from hal.types import Missing, Temperature

GONE = Missing("no answer", 0.0)


def presented(*looks: tuple[float, str | Missing | None]) -> list[str]:
    field = CardField()
    found = [field.seen(reading, now_s) for now_s, reading in looks]
    return [uid for uid in found if uid is not None]


def test_a_card_that_stays_is_presented_once() -> None:
    assert presented((0.0, "A"), (0.2, "A"), (9.0, "A")) == ["A"]


def test_a_card_that_was_away_for_a_second_is_presented_again() -> None:
    assert presented((0.0, "A"), (0.2, None), (1.2, None), (1.4, "A")) == ["A", "A"]


def test_a_card_that_flickers_is_the_same_one() -> None:
    assert presented((0.0, "A"), (0.2, None), (1.0, None), (1.1, "A")) == ["A"]
    assert presented((0.0, "A"), (0.2, None), (0.4, "A"), (1.1, None), (1.3, "A")) == ["A"]


def test_another_card_is_presented_at_once() -> None:
    assert presented((0.0, "A"), (0.2, "B")) == ["A", "B"]


def test_a_reader_that_does_not_answer_has_not_seen_the_card_leave() -> None:
    assert presented((0.0, "A"), (0.2, GONE), (5.0, GONE), (5.2, "A")) == ["A"]


class Probe:
    def __init__(self, location: str) -> None:
        self.location = location
        self.reads_n = 0
        self.silent = False

    def read(self) -> Temperature | Missing:
        self.reads_n += 1
        return GONE if self.silent else Temperature(self.location, 20.0 + self.reads_n)

    def close(self) -> None:
        pass


class Reader:
    def __init__(self) -> None:
        self.card: str | Missing | None = None

    def read(self) -> str | Missing | None:
        return self.card

    def close(self) -> None:
        pass


class Devices:
    def __init__(self, reader: Reader | None = None) -> None:
        self.probes = (Probe("evse"), Probe("plug"))
        self.thermometers = self.probes
        self.token_reader = reader
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Rig:
    def __init__(self, reader: Reader | None = None) -> None:
        self.devices = Devices(reader)
        self.cards: list[str] = []
        self.temperatures: list[tuple[Temperature, ...]] = []
        self.lines: list[str] = []
        self.poller = PeripheralPoller(
            self.devices,
            self.cards.append,
            self.temperatures.append,
            lambda p, text, f: self.lines.append(text),
        )

    async def turns(self, *times_s: float) -> None:
        for now_s in times_s:
            self.poller.turn(now_s)
        await asyncio.sleep(0)


def test_cards_are_read_each_time_and_temperatures_every_two_seconds() -> None:
    async def story() -> None:
        reader = Reader()
        rig = Rig(reader)
        await rig.turns(0.0, 0.2, 1.9)
        assert [probe.reads_n for probe in rig.devices.probes] == [1, 1]
        reader.card = "04A2"
        await rig.turns(2.0, 2.2)
        assert rig.cards == ["04A2"]
        assert rig.temperatures[-1] == (Temperature("evse", 22.0), Temperature("plug", 22.0))

    asyncio.run(story())


def test_a_thermometer_that_is_silent_is_left_out_and_told_once_each_way() -> None:
    async def story() -> None:
        rig = Rig()
        rig.devices.probes[1].silent = True
        await rig.turns(0.0, 2.0)
        assert rig.temperatures[-1] == (Temperature("evse", 22.0),)
        rig.devices.probes[1].silent = False
        await rig.turns(4.0)
        assert rig.lines == ["thermometer 2: no answer", "thermometer 2: answers again"]

    asyncio.run(story())


def test_a_reader_that_is_silent_is_told_once() -> None:
    async def story() -> None:
        reader = Reader()
        reader.card = GONE
        rig = Rig(reader)
        await rig.turns(0.0, 0.2, 0.4)
        assert rig.lines == ["token reader: no answer"]

    asyncio.run(story())


def test_it_reads_on_its_own_and_closes_the_devices_when_it_stops() -> None:
    async def story() -> None:
        reader = Reader()
        reader.card = "04A2"
        rig = Rig(reader)
        rig.poller.start()
        end_s = time.monotonic() + 5.0
        while not rig.cards and time.monotonic() < end_s:
            await asyncio.sleep(0.005)
        assert rig.cards == ["04A2"]
        rig.poller.stop()
        rig.poller._thread.join(5.0)
        assert rig.devices.closed

    asyncio.run(story())
