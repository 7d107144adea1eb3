from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.boards import BOARDS, PERIPHERALS, open_peripherals
from hal.errors import DeviceMissing
from hal.sim.board import SimBoard
from hal.sim.card import TOKEN_LINES, checked_uid, levels_of, uid_of
from hal.sim.lines import INDEX, LINE_FILE_NAME, Lines
from hal.sim.peripherals import SimPeripherals, SimTokenReader, WorldView
from hal.sim.world import World
from hal.types import Missing, Temperature
from tests.hal.sim.rig import ManualClock

UID = "04A2B3C4D5E680"


class Place:
    """A run directory in which worlds come and go, and the peripherals that look at it."""

    def __init__(self, run_dir: Path) -> None:
        self.path = run_dir / LINE_FILE_NAME
        self.clock = ManualClock()
        self.world: World | None = None

    def new_world(self) -> World:
        self.lines = Lines.create(self.path)
        self.world = World(self.lines)
        self.run(0.0)
        return self.world

    def open(self) -> SimPeripherals:
        return SimPeripherals(self.path, self.clock.now_s)

    def run(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        if self.world:
            self.world.advance(self.clock.now_s())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def reason(reading: object) -> str:
    assert isinstance(reading, Missing), reading
    return reading.reason


# The card


@pytest.mark.parametrize("uid", ["00000000", "FFFFFFFF", UID, "0" * 20, "F" * 20, "00112233445566778899"])
def test_a_uid_survives_the_lines(uid: str) -> None:
    assert uid_of(levels_of(uid)) == uid


@given(st.sampled_from([4, 7, 10]).flatmap(lambda n: st.binary(min_size=n, max_size=n)))
def test_every_uid_survives_the_lines(raw: bytes) -> None:
    assert uid_of(levels_of(raw.hex())) == raw.hex().upper()


def test_no_card_is_none() -> None:
    assert uid_of(levels_of("")) is None


@pytest.mark.parametrize(
    "text", ["04A2B3C", "04A2B3C4D", "04A2B3CG", "0x12AB34", "-4A2B3C4", " 4A2B3C4", "٤" * 8]
)
def test_what_is_no_uid_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected 8, 14 or 20 hexadecimal digits"):
        checked_uid(text)


def test_a_card_is_read_while_it_is_in_the_field(place: Place) -> None:
    world, reader = place.new_world(), place.open().token_reader
    assert reader.read() is None
    world.show_token(UID.lower())
    place.run(0.01)
    assert reader.read() == reader.read() == UID
    world.show_token("")
    place.run(0.01)
    assert reader.read() is None


def test_a_wrong_uid_leaves_the_card_in_the_field(place: Place) -> None:
    world, reader = place.new_world(), place.open().token_reader
    world.show_token(UID)
    with pytest.raises(ValueError, match="expected 8"):
        world.show_token("1234")
    place.run(0.01)
    assert reader.read() == UID


class TornCells:
    """Cells of a world that lays down the next card between two lines of the reader, at its tear_n-th."""

    def __init__(self, before: str, after: str, tear_n: int) -> None:
        self._levels = dict(zip(TOKEN_LINES, levels_of(before), strict=True))
        self._after = dict(zip(TOKEN_LINES, levels_of(after), strict=True))
        self._tear_n = tear_n
        self._looks_n = 0

    def __getitem__(self, index: int) -> float:
        self._looks_n += 1
        if self._looks_n == self._tear_n:
            self._levels = self._after
        return self._levels[index]


@pytest.mark.parametrize("tear_n", range(1, 7))
def test_a_card_that_changes_during_the_read_is_not_mixed_with_the_next(
    place: Place, monkeypatch: pytest.MonkeyPatch, tear_n: int
) -> None:
    view = WorldView(place.path, place.clock.now_s)
    monkeypatch.setattr(view, "cells", lambda: TornCells("0" * 20, "F" * 20, tear_n))
    assert SimTokenReader(view).read() == "F" * 20


# Thermometers


def test_thermometers_say_where_they_sit(place: Place) -> None:
    world, peripherals = place.new_world(), place.open()
    world.set_temperature(41.5)
    world.set_plug_temperature(63.25)
    place.run(0.01)
    readings = [thermometer.read() for thermometer in peripherals.thermometers]
    assert readings == [Temperature("evse", 41.5), Temperature("plug", 63.25)]


def test_a_powered_plug_stays_cold_unless_told(place: Place) -> None:
    world, peripherals = place.new_world(), place.open()
    board = SimBoard(place.lines, place.clock)
    world.plug_in()
    world.ev.request_power_fixed(32.0, 3)
    board.contactor.drive(True)
    for _ in range(500):
        board.heartbeat.toggle()
        place.run(0.01)
    assert world.meter_values().power_w > 20000.0
    assert peripherals.thermometers[1].read() == Temperature("plug", 25.0)


# Worlds that come and go


def all_reads(peripherals: SimPeripherals) -> list[Callable[[], object]]:
    return [*(thermometer.read for thermometer in peripherals.thermometers), peripherals.token_reader.read]


def test_peripherals_neither_claim_nor_disturb_the_owner_of_the_board(place: Place) -> None:
    place.new_world()
    peripherals = place.open()
    assert all(not isinstance(read(), Missing) for read in all_reads(peripherals))
    assert not place.lines.owner_alive()
    board = SimBoard(place.lines, place.clock)
    assert isinstance(peripherals.thermometers[0].read(), Temperature)
    board.contactor.drive(True)
    assert place.lines.owner_alive()


def test_without_a_world_readings_are_missing_and_say_what_to_start(place: Place) -> None:
    place.clock.move_to(7.0)
    for read in all_reads(place.open()):
        reading = read()
        assert "start the simulated world (evsed-sim) first" in reason(reading)
        assert reading.since_s == 7.0


def test_a_world_that_comes_later_is_found_within_a_second(place: Place) -> None:
    thermometer = place.open().thermometers[0]
    assert "no line file" in reason(thermometer.read())
    place.new_world()
    place.run(0.9)
    reason(thermometer.read())
    place.run(0.2)
    assert thermometer.read() == Temperature("evse", 25.0)


def test_a_world_that_stands_still_is_missing_since_it_was_last_seen(place: Place) -> None:
    world, peripherals = place.new_world(), place.open()
    place.run(1.0)
    assert isinstance(peripherals.thermometers[0].read(), Temperature)
    place.world = None
    place.run(1.9)
    assert isinstance(peripherals.thermometers[0].read(), Temperature)
    place.run(0.2)
    for read in all_reads(peripherals):
        reading = read()
        assert "stands still" in reason(reading)
        assert reading.since_s == world.now_s


def test_the_next_world_at_the_same_path_takes_over(place: Place) -> None:
    place.new_world()
    peripherals = place.open()
    assert isinstance(peripherals.thermometers[0].read(), Temperature)
    world = place.new_world()  # another file under the same name
    world.set_plug_temperature(50.0)
    world.show_token(UID)
    for _ in range(4):
        place.run(0.6)
        peripherals.token_reader.read()
    assert peripherals.token_reader.read() == UID
    assert peripherals.thermometers[1].read() == Temperature("plug", 50.0)


def test_a_dead_world_is_asked_for_at_most_once_a_second(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_at_s: list[float] = []
    attach = Lines.attach

    def counted(path: Path) -> Lines:
        asked_at_s.append(place.clock.now_s())
        return attach(path)

    monkeypatch.setattr(Lines, "attach", counted)
    reads = all_reads(place.open())
    for _ in range(30):
        for read in reads:
            read()
        place.run(0.1)
    assert asked_at_s == pytest.approx([0.0, 1.0, 2.0], abs=0.11)


def test_a_world_of_another_layout_is_missing_and_not_an_error(place: Place) -> None:
    place.new_world()
    place.lines.cells[INDEX["version"]] = 1.0
    assert "layout 1, this is 3" in reason(place.open().token_reader.read())


def test_closed_peripherals_stay_closed(place: Place) -> None:
    place.new_world()
    peripherals = place.open()
    peripherals.thermometers[0].close()
    assert isinstance(peripherals.thermometers[0].read(), Temperature)
    peripherals.close()
    peripherals.close()
    place.run(5.0)
    assert [reason(read()) for read in all_reads(peripherals)] == ["closed"] * 3


def test_every_board_has_a_row_in_the_table_of_peripherals() -> None:
    assert PERIPHERALS.keys() == BOARDS.keys()


def test_open_peripherals_refuses_an_unknown_name_and_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(DeviceMissing, match="'simm': unknown; known boards: sim"):
        open_peripherals("simm", tmp_path)


def test_open_peripherals_finds_the_devices_by_board_name(tmp_path: Path) -> None:
    peripherals = open_peripherals("sim", tmp_path)
    assert len(peripherals.thermometers) == 2
    assert "no line file" in reason(peripherals.token_reader.read())
    peripherals.close()
