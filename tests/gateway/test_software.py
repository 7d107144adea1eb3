"""The variable `software`, with and without the appliance's file."""

from pathlib import Path

import msgspec

from evsed import __version__
from evsed.api.wire_extensions import Rollback, RunningImage, Software
from evsed.appliance import slots, system
from evsed.gateway.software import LOOK_S, SoftwareTeller

IMAGE = RunningImage("evse-cm4", "1.1.0", "B", True)


class Heard:
    """What has been told so far, and since the last look."""

    def __init__(self) -> None:
        self.values: list[object] = []

    def __call__(self, name: str, value: object) -> None:
        assert name == "software"
        self.values.append(value)

    def new(self) -> list[object]:
        values, self.values = self.values, []
        return values


def write(path: Path, image: RunningImage) -> None:
    path.write_bytes(msgspec.json.encode(image))


def test_what_the_appliance_tells_goes_out_after_each_connection(tmp_path: Path) -> None:
    heard, path = Heard(), tmp_path / "image.json"
    write(path, IMAGE)
    teller = SoftwareTeller(heard, path)
    once = [Software(__version__, IMAGE)]
    for _ in range(2):
        teller.connected()
        assert heard.new() == once
        teller.tick(LOOK_S)
        assert heard.new() == []


def test_an_image_that_has_proved_itself_is_told_soon(tmp_path: Path) -> None:
    heard, path = Heard(), tmp_path / "image.json"
    write(path, msgspec.structs.replace(IMAGE, proved=False))
    teller = SoftwareTeller(heard, path)
    teller.tick(0.0)
    write(path, IMAGE)
    teller.tick(LOOK_S - 1)
    assert heard.new() == []
    teller.tick(LOOK_S)
    assert heard.new() == [Software(__version__, IMAGE)]


def test_off_the_appliance_there_is_only_the_version(tmp_path: Path) -> None:
    heard = Heard()
    for content in (None, "nonsense", "[]"):
        path = tmp_path / "image.json"
        if content is not None:
            path.write_text(content)
        SoftwareTeller(heard, path).connected()
        assert heard.new() == [Software(__version__)], content


def test_the_appliance_writes_what_the_gateway_reads() -> None:
    back = slots.Rollback("1.2.0", "B", "faults: rails", "2026-01-31T08:15:32Z")
    known = slots.Slots(good={"A": "1.1.0"}, last_rollback=back)
    image = system.Image("evse-cm4", "1.1.0", "A")
    told = slots.Told(image.id, image.version, image.slot, known.is_good(image), back)
    wire = msgspec.json.decode(msgspec.json.encode(told), type=RunningImage)
    expected = Rollback("1.2.0", "B", "faults: rails", "2026-01-31T08:15:32Z")
    assert wire == RunningImage("evse-cm4", "1.1.0", "A", True, expected)
