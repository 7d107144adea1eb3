"""SIMULATION: made-up values of a DC supply with isolation monitor (sim.dc) and of ISO 15118 (sim.hlc).

For whoever writes a client and has no such hardware. Nothing here has an effect on charging: it looks at
session events and at the charger as it is, and makes messages of them.
"""

from base64 import b64encode
from collections.abc import Callable

import msgspec
from msgspec import UNSET

from evsed.api.arguments import (
    EnergyTransferMode,
    PlugAndChargeConfiguration,
    ResponseExiStreamStatus,
    ResponseStatus,
)
from evsed.api.wire import EvInfo
from evsed.api.wire_extensions import (
    CarManufacturer,
    CertificateAction,
    DcCapabilities,
    DcMode,
    EnergyTransferModesResult,
    HlcSessionFailedEvent,
    HlcSessionFailedReason,
    IsolationMeasurement,
    RequestExiStream,
    VoltageCurrent,
)
from evsed.core.events import SessionEvent
from evsed.core.inputs import Snapshot
from evsed.core.states import EventKind

Tell = Callable[[str, object], None]

DC_VOLTAGE_V = 400.0
ISOLATION_OHM = 1_000_000.0
BATTERY_WH = 50_000.0
SOC_AT_PLUG = 40.0
SOC_FULL = 100.0
EVCC_ID = "02:00:00:00:00:01"  # a locally administered address: no maker's
SCHEMA_VERSION = "urn:iso:15118:2:2013:MsgDef"
MODES_OF_EV = frozenset((EnergyTransferMode.AC_SINGLE_PHASE_CORE, EnergyTransferMode.AC_THREE_PHASE_CORE))
MODE_IN_USE = EnergyTransferMode.AC_THREE_PHASE_CORE

DC_CAPABILITIES = DcCapabilities(
    bidirectional=False,
    max_export_voltage_v=1000.0,
    min_export_voltage_v=150.0,
    max_export_current_a=60.0,
    min_export_current_a=0.0,
    max_export_power_w=22_000.0,
    current_regulation_tolerance_a=0.5,
    peak_current_ripple_a=1.0,
    conversion_efficiency_export=0.95,
)


class SimulatedDc:
    """A supply that follows what the EV draws, at a constant voltage."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._mode: DcMode | None = None

    def connected(self) -> None:
        """A broker that may know nothing."""
        self._mode = None
        self._tell("dc_capabilities", DC_CAPABILITIES)

    def tick(self, now: Snapshot) -> None:
        """Once a second."""
        on = now.mirror_closed
        self._show_mode(DcMode.EXPORT if on else DcMode.OFF)
        power_w = (now.meter.power_w or 0.0) if on and now.meter else 0.0
        voltage_v = DC_VOLTAGE_V if on else 0.0
        self._tell("dc_voltage_current", VoltageCurrent(voltage_v, round(power_w / DC_VOLTAGE_V, 3)))
        if now.session_uuid:
            half_v = voltage_v / 2
            self._tell(
                "isolation_measurement", IsolationMeasurement(ISOLATION_OHM, voltage_v, half_v, half_v)
            )

    def _show_mode(self, mode: DcMode) -> None:
        if mode is not self._mode:
            self._mode = mode
            self._tell("dc_mode", mode)


class SimulatedHlc:
    """An EV that speaks ISO 15118 as soon as it is plugged in, and says so. Times are monotonic."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._configuration = PlugAndChargeConfiguration()
        self._plugged = False
        self._uuid = ""
        self._soc = SOC_AT_PLUG
        self._ticked_s: float | None = None
        self._in_transaction = False
        self._certificate_awaited = False

    def connected(self) -> None:
        """A broker that may know nothing."""
        self._tell("dlink_ready", self._plugged)

    def event_told(self, event: SessionEvent) -> None:
        if event.kind in (EventKind.AUTH_REQUIRED, EventKind.TRANSACTION_STARTED):
            self._in_transaction = event.kind is EventKind.TRANSACTION_STARTED
            self._plug_in(event.uuid)
        elif event.kind is EventKind.TRANSACTION_FINISHED:
            self._in_transaction = False
        elif event.kind is EventKind.SESSION_FINISHED:
            self._plug_out()

    def tick(self, now: Snapshot, now_s: float) -> None:
        """Once a second: the battery fills with what the meter counts."""
        elapsed_s = 0.0 if self._ticked_s is None else now_s - self._ticked_s
        self._ticked_s = now_s
        power_w = (now.meter.power_w or 0.0) if now.mirror_closed and now.meter else 0.0
        gained = power_w * elapsed_s / 3600.0 / BATTERY_WH * SOC_FULL
        self._soc = min(SOC_FULL, self._soc + gained)
        if self._plugged:
            self._tell("ev_info", self._ev_info())

    def plug_and_charge(self, configuration: PlugAndChargeConfiguration) -> None:
        given = {
            name: getattr(configuration, name)
            for name in configuration.__struct_fields__
            if getattr(configuration, name) is not UNSET
        }
        self._configuration = msgspec.structs.replace(self._configuration, **given)
        if self._plugged:
            self._ask_for_certificate()

    def certificate_response(self, response: ResponseExiStreamStatus) -> None:
        """One that nobody has asked for is none."""
        awaited, self._certificate_awaited = self._certificate_awaited, False
        if awaited and response.status is ResponseStatus.FAILED:
            failed = HlcSessionFailedEvent(self._uuid, HlcSessionFailedReason.AUTHORIZATION_FAILED)
            self._tell("hlc_session_failed", failed)

    def energy_transfer_modes(self, modes: tuple[EnergyTransferMode, ...]) -> EnergyTransferModesResult:
        """This EV cannot change its mode in a transaction."""
        if not MODES_OF_EV.intersection(modes):
            return EnergyTransferModesResult.INCOMPATIBLE_ENERGY_TRANSFER
        if self._in_transaction and MODE_IN_USE not in modes:
            return EnergyTransferModesResult.SERVICE_RENEGOTIATION_FAILED
        return EnergyTransferModesResult.ACCEPTED

    def _plug_in(self, uuid: str) -> None:
        if self._plugged:
            return
        self._plugged, self._uuid, self._soc = True, uuid, SOC_AT_PLUG
        self._tell("dlink_ready", True)
        self._tell("car_manufacturer", CarManufacturer.UNKNOWN)
        self._tell("ev_info", self._ev_info())
        self._ask_for_certificate()

    def _plug_out(self) -> None:
        was_plugged, self._plugged = self._plugged, False
        self._certificate_awaited = self._in_transaction = False
        if was_plugged:
            self._tell("dlink_ready", False)

    def _ask_for_certificate(self) -> None:
        wanted = self._configuration
        enabled = wanted.pnc_enabled is True and wanted.contract_certificate_installation_enabled is True
        if enabled and not self._certificate_awaited:
            self._certificate_awaited = True
            request = b64encode(f"SIMULATION {self._uuid}".encode()).decode()
            self._tell(
                "iso15118_certificate_request",
                RequestExiStream(request, SCHEMA_VERSION, CertificateAction.INSTALL),
            )

    def _ev_info(self) -> EvInfo:
        return EvInfo(
            soc=round(self._soc, 1),
            evcc_id=EVCC_ID,
            battery_capacity=BATTERY_WH,
            battery_full_soc=SOC_FULL,
            remaining_energy_needed=round(BATTERY_WH * (SOC_FULL - self._soc) / SOC_FULL),
        )


class SimulatedExtras:
    """Those that are configured; none is the ordinary case."""

    def __init__(self, dc: SimulatedDc | None, hlc: SimulatedHlc | None) -> None:
        self._dc, self.hlc = dc, hlc

    def connected(self) -> None:
        for one in (self._dc, self.hlc):
            if one is not None:
                one.connected()

    def event_told(self, event: SessionEvent) -> None:
        if self.hlc is not None:
            self.hlc.event_told(event)

    def tick(self, now: Snapshot, now_s: float) -> None:
        if self._dc is not None:
            self._dc.tick(now)
        if self.hlc is not None:
            self.hlc.tick(now, now_s)
