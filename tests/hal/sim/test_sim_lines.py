import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import hal
from hal.boards import open_board
from hal.errors import DeviceFailed, DeviceMissing, LineBusy
from hal.sim.board import SimBoard
from hal.sim.lines import INDEX, LINE_FILE_NAME, LINES, RING_AT, ConnectorType, Lines
from hal.sim.ring import RING_ENTRIES
from hal.sim.world import World
from tests.hal.sim.rig import ManualClock

DUTY = INDEX["duty"]
CONTACTOR = INDEX["contactor"]


@pytest.fixture
def claimed() -> Lines:
    lines = Lines.in_memory()
    lines.claim()
    return lines


OWNER = """
import signal, sys
from pathlib import Path
from hal.sim.lines import INDEX, Lines

lines = Lines.attach(Path(sys.argv[1]))
lines.claim()
lines.drive(INDEX["duty"], 0.5, 1.0)
lines.drive(INDEX["lock_motor"], 1.0, 1.0)
lines.drive(INDEX["heartbeat_at_s"], 1.05, 1.05)
lines.drive(INDEX["heartbeat"], 7.0, 1.05)
lines.drive(INDEX["contactor"], 1.0, 1.0)
for name in ("cp_connected", "phase_switch"):
    lines.drive(INDEX[name], 0.0, 0.9)
for name in ("rcd_test", "led_rgb"):
    lines.drive(INDEX[name], 1.0, 1.055)
print("driving", flush=True)
signal.pause()
"""


class OwnerProcess:
    """A real process that claims the lines, drives them and waits to be killed."""

    def __init__(self, path: Path) -> None:
        root = Path(hal.__file__).parent.parent
        self._process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(path)], cwd=root, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "driving\n"

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()


def test_lines_are_born_safe() -> None:
    lines = Lines.in_memory()
    assert [lines.get(row.name) for row in LINES] == [row.birth for row in LINES]
    assert (lines.get("duty"), lines.get("contactor"), lines.get("lock_motor")) == (1.0, 0.0, 0.0)
    assert lines.get("pp_ohm") == math.inf


def test_the_line_table_leaves_the_ring_alone() -> None:
    assert len(LINES) <= RING_AT


def test_driving_without_a_claim_fails_with_the_name_of_the_line() -> None:
    with pytest.raises(DeviceFailed, match="duty driven without a claim"):
        Lines.in_memory().drive(DUTY, 0.5, 0.0)


def test_second_claim_in_memory_names_the_owner(claimed: Lines) -> None:
    with pytest.raises(LineBusy, match=f"owned by process {os.getpid()}"):
        claimed.claim()


def test_ring_keeps_every_change_in_order_with_the_boards_stamp(claimed: Lines) -> None:
    reader = claimed.reader()
    claimed.drive(CONTACTOR, 1.0, 1.001)
    claimed.drive(CONTACTOR, 0.0, 1.002)
    claimed.drive(DUTY, 0.3, 1.003)
    claimed.drive(DUTY, 0.3, 1.004)
    assert reader.drain() == [(1.001, CONTACTOR, 1.0), (1.002, CONTACTOR, 0.0), (1.003, DUTY, 0.3)]
    assert reader.drain() == []


def test_lines_that_are_not_ringed_stay_out_of_the_ring(claimed: Lines) -> None:
    reader = claimed.reader()
    claimed.drive(INDEX["heartbeat"], 1.0, 1.0)
    claimed.drive(INDEX["led_rgb"], 3.0, 1.0)
    assert reader.drain() == []


def test_ring_wraps_without_loss_while_it_is_drained(claimed: Lines) -> None:
    reader = claimed.reader()
    seen = []
    for change in range(3 * RING_ENTRIES):
        claimed.drive(CONTACTOR, float(change % 2 == 0), float(change))
        if change % 1000 == 999:
            seen += reader.drain()
    seen += reader.drain()
    assert [at_s for at_s, _, _ in seen] == [float(change) for change in range(3 * RING_ENTRIES)]
    assert reader.lost_n == 0


def test_a_reader_that_is_too_late_counts_what_it_lost(claimed: Lines) -> None:
    reader = claimed.reader()
    for change in range(RING_ENTRIES + 5):
        claimed.drive(CONTACTOR, float(change % 2 == 0), float(change))
    assert reader.drain()[0][0] == 5.0
    assert reader.lost_n == 5


def test_a_half_written_entry_is_read_when_it_is_whole(claimed: Lines) -> None:
    reader = claimed.reader()
    claimed.drive(DUTY, 0.3, 1.0)
    value_cell = RING_AT + 1 + 2
    claimed.cells[value_cell] = 0.0
    assert reader.drain() == []
    claimed.cells[value_cell] = 0.3
    assert reader.drain() == [(1.0, DUTY, 0.3)]


def test_world_takes_the_levels_when_the_ring_has_lost_changes(claimed: Lines) -> None:
    world = World(claimed)
    world.advance(0.0)
    claimed.drive(DUTY, 0.3, 0.001)
    for change in range(RING_ENTRIES + 4):
        claimed.drive(CONTACTOR, float(change % 2 == 0), 0.002)
    world.advance(0.01)
    assert world.pilot_duty() == 0.3


def test_attached_lines_share_the_file(tmp_path: Path) -> None:
    created = Lines.create(tmp_path / LINE_FILE_NAME)
    attached = Lines.attach(tmp_path / LINE_FILE_NAME)
    created.cells[INDEX["cp_pos_v"]] = 6.5
    assert attached.get("cp_pos_v") == 6.5
    created.close()
    attached.close()


def test_a_new_world_starts_from_birth_levels(tmp_path: Path) -> None:
    old = Lines.create(tmp_path / LINE_FILE_NAME)
    old.cells[CONTACTOR] = 1.0
    new = Lines.create(tmp_path / LINE_FILE_NAME)
    assert new.get("contactor") == 0.0
    assert list(tmp_path.iterdir()) == [tmp_path / LINE_FILE_NAME]


def test_attaching_without_a_world_says_what_to_start(tmp_path: Path) -> None:
    with pytest.raises(DeviceMissing, match="start the simulated world"):
        Lines.attach(tmp_path / LINE_FILE_NAME)


def test_attaching_to_another_layout_is_refused(tmp_path: Path) -> None:
    path = tmp_path / LINE_FILE_NAME
    Lines.create(path).cells[INDEX["version"]] = 99.0
    with pytest.raises(DeviceFailed, match="layout 99"):
        Lines.attach(path)
    path.write_bytes(b"short")
    with pytest.raises(DeviceFailed, match="not a line file"):
        Lines.attach(path)


def test_claim_of_a_line_file_held_by_another_process_names_it(tmp_path: Path) -> None:
    lines = Lines.create(tmp_path / LINE_FILE_NAME)
    assert not lines.owner_alive()
    owner = OwnerProcess(tmp_path / LINE_FILE_NAME)
    try:
        assert lines.owner_alive()
        with pytest.raises(LineBusy, match=f"owned by process {owner.pid}"):
            lines.claim()
    finally:
        owner.kill()
    assert not lines.owner_alive()
    lines.claim()
    assert lines.owner_alive()
    lines.release()
    assert not lines.owner_alive()


def test_lines_of_a_killed_owner_fall_to_their_pull_and_the_pwm_goes_on(tmp_path: Path) -> None:
    lines = Lines.create(tmp_path / LINE_FILE_NAME)
    world = World(lines)
    world.advance(0.99)
    owner = OwnerProcess(tmp_path / LINE_FILE_NAME)
    world.advance(1.06)
    assert world.contactor.closed
    owner.kill()
    world.advance(1.07)
    world.advance(1.10)
    fallen = ("contactor", "lock_motor", "heartbeat", "rcd_test", "led_rgb")
    assert [lines.get(name) for name in fallen] == [0.0] * 5
    assert [lines.get(name) for name in ("cp_connected", "phase_switch")] == [1.0, 0.0]
    assert lines.get("duty") == 0.5
    assert not world.contactor.closed
    drops = [(entry.t, entry.value) for entry in world.drain_trace() if entry.line == "contactor"]
    assert drops == [(1.0, True), (1.07, False)]


def test_an_old_world_and_a_new_evsed_refuse_each_other(tmp_path: Path) -> None:
    path = tmp_path / LINE_FILE_NAME
    Lines.create(path).cells[INDEX["version"]] = 1.0  # before the phase switch and the token reader
    with pytest.raises(DeviceFailed, match="layout 1, this is 3; restart the simulated world"):
        Lines.attach(path)


def test_deliberate_release_in_memory_leaves_the_levels_of_close() -> None:
    lines, clock = Lines.in_memory(), ManualClock()
    board = SimBoard(lines, clock)
    board.contactor.drive(True)
    board.close()
    board.close()
    assert [lines.get(name) for name in ("duty", "contactor", "lock_motor")] == [0.0, 0.0, 0.0]
    assert not lines.owner_alive()


def test_open_board_finds_the_running_world(tmp_path: Path) -> None:
    world = World(Lines.create(tmp_path / LINE_FILE_NAME), connector_type=ConnectorType.CABLE)
    clock = ManualClock()
    world.advance(clock.now_s())
    board = open_board("sim", tmp_path, clock)
    assert (board.lock, board.proximity_in) == (None, None)
    board.close()


def test_open_board_refuses_an_unknown_name_and_lists_the_known() -> None:
    with pytest.raises(DeviceMissing, match="'simm': unknown; known boards: sim"):
        open_board("simm", Path("/nonexistent"), ManualClock())


def test_open_board_refuses_a_world_that_stands_still(tmp_path: Path) -> None:
    World(Lines.create(tmp_path / LINE_FILE_NAME)).advance(0.0)
    clock = ManualClock()
    clock.move_to(3.0)
    with pytest.raises(DeviceMissing, match="dead"):
        open_board("sim", tmp_path, clock)


def test_open_board_leaves_a_busy_board_to_its_owner(tmp_path: Path) -> None:
    world = World(Lines.create(tmp_path / LINE_FILE_NAME))
    owner = OwnerProcess(tmp_path / LINE_FILE_NAME)
    world.advance(1.0)
    try:
        with pytest.raises(LineBusy):
            open_board("sim", tmp_path, ManualClock())
    finally:
        owner.kill()
