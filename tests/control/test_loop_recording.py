"""Recordings on their way from the loop to a gateway."""

from pathlib import Path

from evsed.link import messages as m
from evsed.recording.steps import Step
from evsed.recording.tape import Tape
from tests.control.loop_rig import Rig
from tests.recording.recorded import written


def pieces(rig: Rig) -> list[m.Recording]:
    assert rig.gateway
    return [message for message in rig.gateway.received if isinstance(message, m.Recording)]


def steps(found: list[m.Recording], folder: Path) -> list[Step]:
    assert found[-1].last
    assert [piece.part_n for piece in found] == list(range(len(found)))
    return list(Tape(written(found, folder)).steps())


def test_a_gateway_that_asks_gets_every_step(rig: Rig, tmp_path: Path) -> None:
    assert rig.gateway
    rig.charge()
    rig.gateway.send(m.Record())
    rig.tick(200)
    assert len(steps(pieces(rig), tmp_path)) > 400


def test_a_gateway_that_comes_in_the_middle_gets_all_of_it(rig: Rig, tmp_path: Path) -> None:
    assert rig.gateway
    rig.charge()
    rig.gateway.send(m.Record())
    rig.tick(4)
    assert pieces(rig)
    rig.gateway.hang_up()
    rig.gateway.received.clear()
    rig.tick(200)
    assert len(steps(pieces(rig), tmp_path)) > 400


def test_a_loop_that_breaks_down_tells_its_last_step(rig: Rig, tmp_path: Path) -> None:
    assert rig.gateway
    rig.charge()
    rig.run(3)
    rig.gateway.receive()
    found = pieces(rig)
    assert found[-1].cause == "exception Enough"
    assert not rig.lines.get("contactor")
    assert len(steps(found, tmp_path)) > 400
