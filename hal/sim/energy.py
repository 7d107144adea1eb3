"""The simulated energy meter: registers that integrate what really flows, upstream of the contactor."""

from hal.types import MeterReading

PHASES = 3
NOMINAL_HZ = 50.0


class SimMeter:
    """Power factor 1. A one-phase EV loads L1."""

    def __init__(self) -> None:
        self.energy_import_wh = 0.0
        self.power_w = 0.0
        self._voltage_v = 0.0
        self._current_a = 0.0
        self._phases = 0

    def step(self, step_s: float, voltage_v: float, current_a: float, phases: int) -> None:
        """What flows at the end of the step, per phase; between steps it is taken as straight lines."""
        power_w = voltage_v * current_a * phases
        self.energy_import_wh += (power_w + self.power_w) / 2.0 * step_s / 3600.0
        self.power_w = power_w
        self._voltage_v, self._current_a, self._phases = voltage_v, current_a, phases

    def reading(self, at_s: float) -> MeterReading:
        volts, ampere = self._voltage_v, self._current_a
        current_a = tuple(ampere if phase < self._phases else 0.0 for phase in range(PHASES))
        return MeterReading(
            at_s=at_s,
            energy_import_wh=self.energy_import_wh,
            energy_export_wh=0.0,
            power_w=self.power_w,
            power_phase_w=tuple(volts * phase_a for phase_a in current_a),
            voltage_v=(volts,) * PHASES,
            current_a=current_a,
            frequency_hz=NOMINAL_HZ if volts else 0.0,
            meter_id="SIM",
        )
