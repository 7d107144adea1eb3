"""`evsectl support-bundle`: what is in it, and what must not be."""

import stat
import tarfile
from pathlib import Path

import pytest

from evsed.appliance.support_bundle import support_bundle
from evsed.recording.cards import cards_of
from evsed.recording.tape import Tape, packed
from tests.appliance.rig import Appliance, Charger
from tests.recording.test_cards import SECRETS, recording

PASSWORD = "correct-horse-battery"
RECORDING = "20260131T081500.000000Z-1b4e28ba-fault-rcd.evrec"


@pytest.fixture
def appliance(tmp_path: Path) -> Appliance:
    appliance = Appliance(tmp_path / "appliance")
    appliance.put(str(appliance.places.mqtt_password.relative_to(appliance.places.root)), PASSWORD + "\n")
    appliance.put(
        "etc/evsed/evsed.toml", 'auth.mode = "tokens"\nauth.tokens = ["04A2B3C4"]\nmqtt.port = 1884\n'
    )
    recordings = appliance.places.evsed_state / "recordings"
    recordings.mkdir(parents=True)
    (recordings / RECORDING).write_bytes(recording(tmp_path).read_bytes())
    (recordings / f"broken-{RECORDING}").write_bytes(b"evsed")
    (recordings / f"empty-{RECORDING}").write_bytes(packed(()))
    return appliance


def parts(appliance: Appliance, tmp_path: Path, charger: Charger) -> dict[str, bytes]:
    """Content by name."""
    path = support_bundle(appliance.machine(), charger.ask, tmp_path / "bundle.tar.gz")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with tarfile.open(path) as bundle:
        return {entry.name.removeprefix("support/"): bundle.extractfile(entry).read() for entry in bundle}


def test_it_has_every_part(appliance: Appliance, tmp_path: Path) -> None:
    found = parts(appliance, tmp_path, Charger())
    names = {"versions.txt", "configuration.txt", "journal.txt", "slots.json", "why.json", "faults.json"}
    assert names < set(found)
    assert b"mqtt.port = 1884" in found["configuration.txt"]


def test_a_secret_of_the_configuration_is_in_none(appliance: Appliance, tmp_path: Path) -> None:
    for name, content in parts(appliance, tmp_path, Charger()).items():
        assert PASSWORD.encode() not in content, name
        assert b"04A2B3C4" not in content, name


def test_recordings_come_without_cards_or_not_at_all(appliance: Appliance, tmp_path: Path) -> None:
    found = parts(appliance, tmp_path, Charger())
    clean = tmp_path / RECORDING
    clean.write_bytes(found[f"recordings/{RECORDING}"])
    assert not cards_of(Tape(clean)) & set(SECRETS)
    for kind in ("broken", "empty"):
        assert b"left out" in found[f"recordings/{kind}-{RECORDING}.txt"]


def test_a_charger_that_is_away_is_told_in_place_of_what_it_would_say(
    appliance: Appliance, tmp_path: Path
) -> None:
    charger = Charger()
    charger.away = "nobody answers"
    assert b"nobody answers" in parts(appliance, tmp_path, charger)["why.json"]
