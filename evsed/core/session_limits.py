"""What ends a transaction by itself: energy, time, cost. Each has its own reason."""

from evsed.core.commands import SetSessionLimits
from evsed.core.inputs import LimitRow
from evsed.core.limits import SESSION
from evsed.core.settings import Settings
from evsed.core.states import StopReason

_NONE = SetSessionLimits()


class SessionLimits:
    """Those of the configuration, until a client sets others for one transaction."""

    __slots__ = ("_by_client", "_for_next", "_limits", "_price", "_settings", "_start_wh", "_started_s")

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._for_next = self._by_client = False
        self.forget()

    def configure(self, settings: Settings) -> None:
        """They count at once, unless a client has set others."""
        self._settings = settings
        if not self._by_client:
            self._take_configured()

    def forget(self) -> bool:
        """The session is over; limits that were set for the next transaction stay.

        Whether a client's have been forgotten.
        """
        if self._for_next:
            return False
        was_by_client, self._by_client = self._by_client, False
        self._take_configured()
        self._started_s: float | None = None
        self._start_wh: float | None = None
        return was_by_client

    def _take_configured(self) -> None:
        s = self._settings
        self._limits = SetSessionLimits(
            s.session_energy_wh or None, s.session_duration_s or None, s.session_cost or None
        )
        self._price = s.price_per_kwh

    def set(self, command: SetSessionLimits, for_next: bool = False) -> None:
        self._limits, self._for_next, self._by_client = command, for_next, True
        self._price = self._settings.price_per_kwh if command.price_per_kwh is None else command.price_per_kwh

    def start(self, now_s: float, energy_wh: float | None) -> None:
        """The transaction begins; energy_wh is the meter's reading, None before the first."""
        self._started_s, self._start_wh = now_s, energy_wh
        self._for_next = False

    def reached(self, now_s: float, energy_wh: float | None) -> StopReason | None:
        if self._started_s is None:
            return None
        if self._start_wh is None:
            self._start_wh = energy_wh
        if self._limits == _NONE:
            return None
        used_wh = self.used_wh(energy_wh)
        used = (
            (used_wh, self._limits.energy_wh, StopReason.ENERGY_LIMIT_REACHED),
            (now_s - self._started_s, self._limits.duration_s, StopReason.TIME_LIMIT_REACHED),
            (used_wh / 1000.0 * self._price, self._limits.cost, StopReason.LOCAL_OUT_OF_CREDIT),
        )
        return next((why for amount, limit, why in used if limit is not None and amount >= limit), None)

    def used_wh(self, energy_wh: float | None) -> float:
        return 0.0 if energy_wh is None or self._start_wh is None else energy_wh - self._start_wh

    def rows(self) -> tuple[LimitRow, ...]:
        """What stands in the limit table for whoever reads it; no current in it."""
        limits = self._limits
        texts = (
            (limits.energy_wh, "{:g} Wh"),
            (limits.duration_s, "{:g} s"),
            (limits.cost, f"cost {{:g}} at {self._price:g} a kWh"),
        )
        set_ones = [form.format(value) for value, form in texts if value is not None]
        return (LimitRow(SESSION, text="ends at " + ", ".join(set_ones)),) if set_ones else ()
