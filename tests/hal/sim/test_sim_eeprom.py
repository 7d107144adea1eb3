"""The simulated board's EEPROM: in the world's file, for whoever drives or watches the board."""

from pathlib import Path

import pytest

from hal.errors import DeviceMissing
from hal.sim.board import SimBoard
from hal.sim.eeprom import FACTORY, sim_eeprom
from hal.sim.lines import LINE_FILE_NAME, Lines
from hal.sim.peripherals import SimPeripherals
from hal.sim.world import World
from hal.types import BoardRecord, Calibration, CalibrationSource
from tests.hal.drivers.i2c_bench import FakeClock

FOUND = Calibration(1.02, 0.2)


def test_what_the_gateway_writes_counts_for_the_next_control(tmp_path: Path) -> None:
    clock, path = FakeClock(), tmp_path / LINE_FILE_NAME
    world = World(Lines.create(path))
    world.advance(clock.now_s())
    gateway = SimPeripherals(path, clock.now_s)
    assert gateway.eeprom.read() == FACTORY
    gateway.eeprom.write(BoardRecord("SIM-0001", {"cp": FOUND}))
    gateway.close()
    board = SimBoard(Lines.attach(path), clock)
    assert (board.calibration.calibration, board.calibration.source) == (FOUND, CalibrationSource.EEPROM)
    assert board.pilot_in.read().high_v == pytest.approx(1.02 * 12.0 + 0.2, abs=0.05)
    assert board.notes == ()
    board.close()
    with pytest.raises(DeviceMissing, match="closed"):
        gateway.eeprom.read()


def test_a_factory_new_board_is_not_calibrated_and_nothing_is_told() -> None:
    board = SimBoard(Lines.in_memory(), FakeClock())
    assert (board.calibration.source, board.notes) == (CalibrationSource.NONE, ())
    board.close()


def test_an_erased_one_is_told() -> None:
    lines = Lines.in_memory()
    lines.eeprom[:] = b"\xff" * len(lines.eeprom)
    board = SimBoard(lines, FakeClock())
    assert board.notes == ("not calibrated: the EEPROM is empty; run evsectl calibrate cp",)
    board.close()


def test_a_writer_that_dies_leaves_the_record_before() -> None:
    lines = Lines.in_memory()
    before = bytes(lines.eeprom)
    eeprom = sim_eeprom(lambda: lines.eeprom)
    eeprom.write(BoardRecord("SIM-0001", {"cp": FOUND}))
    after = bytes(lines.eeprom)
    changed = [at for at in range(len(after)) if before[at] != after[at]]
    for died_at in changed:
        lines.eeprom[:] = after[:died_at] + before[died_at:]
        assert eeprom.read() in (FACTORY, BoardRecord("SIM-0001", {"cp": FOUND}))
