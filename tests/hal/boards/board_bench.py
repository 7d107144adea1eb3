"""The drivers of a board file on kernel interfaces that are wired to the simulated world's physics.

Rule 1: the wiring here is the copper of docs/board.md, written down anew and not taken from a driver.
Rule 2: only levels of lines, files of the PWM and voltages at the ADC go over; no driver is asked.
"""

import math

import msgspec

from hal.board_model import BoardModel, DividerData, InputData, OutputData, load_board_model
from hal.boards.hardware import HardwareBoard
from hal.boards.outputs import Machine
from hal.drivers.gpio_factory import LibgpiodFactory
from hal.drivers.pilot_pwm import PERIOD_NS
from hal.drivers.spi_burst import SpiDevice
from hal.sim.lines import INDEX, ConnectorType, Lines
from hal.sim.world import World
from tests.hal.drivers.gpio_bench import FakeChip, Kernel, KernelLine
from tests.hal.drivers.i2c_bench import FakeBus
from tests.hal.drivers.pwm_bench import PwmTree
from tests.hal.drivers.spi_bench import REFERENCE_V, FakeAdc, FakePort, Pilot

START_S = 1000.0
RGB = ("led_red", "led_green", "led_blue")
SWITCHED = {  # output: line of the world that follows it
    "contactor": "contactor",
    "phase_switch": "phase_switch",
    "shunt_trip": "shunt_trip",
    "rcd_test": "rcd_test",
}
SENSED = {  # input: line of the world that it follows
    "mirror": "mirror",
    "rcd_trip": "rcd_tripped",
    "emergency_stop": "emergency_stop",
    "stop_button": "stop_button",
    "lock_position": "lock_locked",
}


class BoardKernel(Kernel):
    """claims: line names in the order in which they were claimed. changes: of all lines, in their order."""

    def __init__(self, names: list[str]) -> None:
        super().__init__({"gpiochip0": names})
        self.claims: list[str] = []
        self.changes: list[tuple[str, object]] = []
        self.chips["gpiochip0"] = [NotedLine(name, self.changes) for name in names]
        self.wires = {line.name: line for line in self.chips["gpiochip0"]}

    def open_chip(self, path: str) -> "ClaimingChip":
        return ClaimingChip(self, path)

    def drop(self) -> None:
        """What the death of the owner makes of its outputs: inputs, at the board's pull-downs."""
        for line in self.wires.values():
            line.high = False


class NotedLine(KernelLine):
    def __init__(self, name: str, changes: list[tuple[str, object]]) -> None:
        super().__init__(name)
        self._changes = changes

    def become(self, what: object) -> None:
        super().become(what)
        self._changes.append((self.name, what))


class ClaimingChip(FakeChip):
    def __init__(self, kernel: BoardKernel, path: str) -> None:
        super().__init__(kernel, path)
        self._claims = kernel.claims

    def request_lines(self, config, **options):
        self._claims += [self._lines[offset].name for offset in config]
        return super().request_lines(config, **options)


class CopperClock:
    """Sleeping moves the world, and udev; what the drivers have done since is seen at its own time."""

    def __init__(self, copper: "Copper") -> None:
        self._copper, self._now_s = copper, START_S

    def now_s(self) -> float:
        return self._now_s

    def sleep(self, seconds: float) -> None:
        self._copper.take_outputs(self._now_s)
        self._now_s += seconds
        self._copper.advance(self._now_s)


class Copper:
    """One board of this model, unpowered; open() starts the drivers."""

    def __init__(self, name: str, tmp_path, mains_v: float = 230.0) -> None:
        self.model = load_board_model(name, tmp_path)
        self.lines = Lines.in_memory()
        self.lines.claim()
        kind = ConnectorType.SOCKET if self.model.outputs.lock else ConnectorType.CABLE
        self.world = World(self.lines, connector_type=kind)
        self.kernel = BoardKernel(_all_lines(self.model))
        for output in outputs_of(self.model):  # pulled to its inactive level
            self.wire(output).high = not output.active_high
        self.dev = tmp_path / "dev"
        self.dev.mkdir()
        (self.dev / "gpiochip0").touch()
        self.pwm = PwmTree(tmp_path, udev_s=0.05)
        self.pwm.channel = self.pwm.chip / f"pwm{self.model.pwm.channel}"
        self.clock = CopperClock(self)
        self.adc = FakeAdc(**_nodes(self.model, self))
        self.adc.overhead_s = 2e-6
        self.i2c = FakeBus()
        self.spi_error = 0
        self._beat = False
        self.advance(START_S)

    def open(self) -> HardwareBoard:
        return HardwareBoard(self.model, self.clock, self.machine)

    @property
    def machine(self) -> Machine:
        return Machine(
            open_pins=lambda: LibgpiodFactory(self.dev, self.kernel.open_chip),
            open_spi=self._open_spi,
            open_i2c=self.i2c,
            pwm_sysfs=self.pwm.sysfs,
        )

    def _open_spi(self, device: str, path: str, speed_hz: int) -> SpiDevice:
        return SpiDevice(device, path, speed_hz, self.dev / "none", self._port, self._ioctl)

    def _port(self, path: str) -> FakePort:
        if self.spi_error:
            raise OSError(self.spi_error, "as told")
        return FakePort()

    def _ioctl(self, fd: int, request: int, address: int) -> int:
        """The time of the transfers passes in the world, too."""
        before_s = self.adc.at_s
        moved_n = self.adc.ioctl(fd, request, address)
        self.clock.sleep(self.adc.at_s - before_s)
        return moved_n

    def wire(self, line: OutputData | InputData) -> KernelLine:
        return self.kernel.wires[line.name]

    # Levels of the copper.

    def active(self, output: str) -> bool:
        line = getattr(self.model.outputs, output)
        return line is not None and self.wire(line).high is line.active_high

    def ever_active(self, output: str) -> bool:
        """Since the power came on; a line that nobody drives is at its pull, inactive."""
        line = getattr(self.model.outputs, output)
        return line.active_high in self.wire(line).history

    def released(self, output: str) -> bool:
        line = getattr(self.model.outputs, output)
        return self.wire(line).request is None

    def duty(self) -> float:
        """Share of the period at +12 V that the PWM's files make, before it is exported that of its pull."""
        channel = self.pwm.channel
        enabled = channel.exists() and self.pwm.value("enable") == "1"
        share = int(self.pwm.value("duty_cycle")) / PERIOD_NS if enabled else 0.0
        return 1.0 - share if self.model.pwm.inverted else share

    def take_outputs(self, now_s: float) -> None:
        drive = self.lines.drive
        for output, line in SWITCHED.items():
            if getattr(self.model.outputs, output) is not None:
                drive(INDEX[line], self.active(output), now_s)
        drive(INDEX["lock_motor"], float(self.active("lock")) - float(self.active("unlock")), now_s)
        drive(INDEX["cp_connected"], not self.active("pilot_disconnect"), now_s)
        drive(INDEX["duty"], self.duty(), now_s)
        drive(INDEX["led_rgb"], sum(self.active(led) << bit for bit, led in enumerate(RGB)), now_s)
        self._take_heartbeat(now_s)

    def _take_heartbeat(self, now_s: float) -> None:
        beat, self._beat = self._beat, self.active("heartbeat")
        if beat is not self._beat:
            self.lines.drive(INDEX["heartbeat_at_s"], now_s, now_s)

    def advance(self, now_s: float) -> None:
        self.pwm.turn(now_s)
        self.world.advance(now_s)
        for name, source in SENSED.items():
            line = getattr(self.model.inputs, name)
            if line is not None:
                level = (self.lines.get(source) != 0.0) is line.active_high
                self.wire(line).edge(level, now_s)

    def pilot_v(self, at_s: float) -> float:
        get = self.lines.get
        return Pilot(get("cp_pos_v"), get("cp_neg_v"), get("duty"))(at_s)


def outputs_of(model: BoardModel) -> list[OutputData]:
    return [line for line in msgspec.structs.astuple(model.outputs) if line is not None]


def _all_lines(model: BoardModel) -> list[str]:
    inputs = [line for line in msgspec.structs.astuple(model.inputs) if line is not None]
    return [line.name for line in (*outputs_of(model), *inputs)]


def _nodes(model: BoardModel, copper: Copper) -> dict[str, object]:
    """What stands at the ADC's pins."""
    adc, get = model.adc, copper.lines.get
    nodes = {adc.pilot.channel: lambda at_s: _node_v(adc, adc.pilot.divider, copper.pilot_v(at_s))}
    if adc.proximity:
        pull_up_ohm = adc.proximity.pull_up_ohm
        nodes[adc.proximity.channel] = lambda at_s: _pp_v(adc.reference_v, pull_up_ohm, get("pp_ohm"))
    for rail, line in (("plus_12", "plus_12_v"), ("minus_12", "minus_12_v"), ("plus_5", "plus_5_v")):
        if adc.rails:
            data = getattr(adc.rails, rail)
            nodes[data.channel] = lambda at_s, d=data, n=line: _node_v(adc, d.divider, get(n))
    scale = REFERENCE_V / adc.reference_v  # the fake has a reference of its own
    return {f"ch{c}": lambda at_s, source=source: scale * source(at_s) for c, source in nodes.items()}


def _node_v(adc, divider: DividerData, input_v: float) -> float:
    """By superposition, and not by the driver's formula."""
    conductance = 1 / divider.series_ohm + 1 / divider.pull_up_ohm + 1 / divider.pull_down_ohm
    return (input_v / divider.series_ohm + adc.reference_v / divider.pull_up_ohm) / conductance


def _pp_v(reference_v: float, pull_up_ohm: float, pp_ohm: float) -> float:
    return reference_v if math.isinf(pp_ohm) else reference_v * pp_ohm / (pp_ohm + pull_up_ohm)
