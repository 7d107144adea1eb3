"""A fault in the simulated world, through the real processes, into a file that the core plays again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from evsed.recording.replay import replay
from evsed.recording.tape import Tape
from tests.system.bench import Broker, eventually
from tests.system.evse_process import Evse


def recordings(evse: Evse) -> list[Path]:
    return sorted((evse.store_path.parent / "recordings").glob("*.evrec"))


def evsectl(evse: Evse, *words: str) -> str:
    environment = {**os.environ, "RUNTIME_DIRECTORY": str(evse.run_dir)}
    command = [sys.executable, "-m", "evsed.evsectl", *words]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    return told.stdout


def test_a_ground_fault_is_recorded_explained_and_replayed(broker: Broker) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        evse.charge()
        uuid = evse.session_events()[-1]["uuid"]
        evse.modify("rcd_current 30;sleep 600")
        evse.expect("StoppingCharging", "ChargingFinished", "TransactionFinished")
        eventually(lambda: recordings(evse), "a recording")
        told = evsectl(evse, "explain", uuid[:8])
        assert "Stopped (GroundFault): a residual current made the RCD trip." in told
        assert "raised: RCD line read tripped; limit 32 A" in told
        assert "contactor commanded open" in told
        steps = list(replay(Tape(recordings(evse)[0])))
        assert len(steps) > 100
        assert [now.difference for now in steps if now.difference] == []


def test_a_recording_is_made_when_asked_for(broker: Broker) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        assert str(evse.store_path.parent / "recordings") in evsectl(evse, "record")
        (path,) = eventually(lambda: recordings(evse), "a recording")
        assert Tape(path).header.cause == "request"
        assert "no session yet" in _refused(evse, "explain")
        evse.kill("control", signal.SIGTERM)


def _refused(evse: Evse, *words: str) -> str:
    environment = {**os.environ, "RUNTIME_DIRECTORY": str(evse.run_dir)}
    told = subprocess.run(
        [sys.executable, "-m", "evsed.evsectl", *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1, told.stdout
    return told.stderr
