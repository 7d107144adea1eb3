"""What is made up for clients without DC supply and ISO 15118."""

import pytest
from msgspec.structs import replace

from evsed.api.arguments import (
    EnergyTransferMode,
    PlugAndChargeConfiguration,
    ResponseExiStreamStatus,
    ResponseStatus,
)
from evsed.api.encoding import encode
from evsed.api.topics import VARIABLES
from evsed.api.wire import EvInfo
from evsed.api.wire_extensions import (
    CertificateAction,
    DcMode,
    EnergyTransferModesResult,
    HlcSessionFailedEvent,
    HlcSessionFailedReason,
    VoltageCurrent,
)
from evsed.config.schema import Config
from evsed.config.schema_hardware import BoardConfig, SimConfig
from evsed.core.events import SessionEvent
from evsed.core.states import EventKind as K
from evsed.gateway.extras import extras_of, high_level_of
from evsed.gateway.queries import NO_HLC
from evsed.gateway.simulated_extras import SOC_AT_PLUG, SimulatedDc, SimulatedHlc
from hal.types import MeterReading
from tests.gateway.snapshots import snapshot

CHARGING = snapshot(mirror_closed=True, session_uuid="u1", meter=MeterReading(0.0, 0.0, power_w=10_000.0))
INSTALL = PlugAndChargeConfiguration(pnc_enabled=True, contract_certificate_installation_enabled=True)
FAILED = ResponseExiStreamStatus(ResponseStatus.FAILED, CertificateAction.INSTALL)
AC_1, AC_3, DC = (
    EnergyTransferMode.AC_SINGLE_PHASE_CORE,
    EnergyTransferMode.AC_THREE_PHASE_CORE,
    EnergyTransferMode.DC_EXTENDED,
)


class Told:
    """Every value has to be one of the API's, of that variable's type."""

    def __init__(self) -> None:
        self.values: list[tuple[str, object]] = []

    def __call__(self, name: str, value: object) -> None:
        assert isinstance(value, {row.name: row.type for row in VARIABLES}[name])
        assert encode(value)
        self.values.append((name, value))

    def names(self) -> list[str]:
        """Since the last time."""
        names = [name for name, _ in self.values]
        self.values.clear()
        return names

    def last(self, name: str) -> object:
        return [value for told, value in self.values if told == name][-1]


def plugged(told: Told, configuration: PlugAndChargeConfiguration | None = None) -> SimulatedHlc:
    hlc = SimulatedHlc(told)
    if configuration is not None:
        hlc.plug_and_charge(configuration)
    hlc.event_told(SessionEvent(K.AUTH_REQUIRED, "u1"))
    return hlc


def test_a_dc_supply_says_at_once_what_it_can_do() -> None:
    told = Told()
    SimulatedDc(told).connected()
    assert told.names() == ["dc_capabilities"]


def test_a_dc_supply_delivers_what_the_ev_draws() -> None:
    told = Told()
    dc = SimulatedDc(told)
    dc.tick(CHARGING)
    assert told.last("dc_mode") is DcMode.EXPORT
    assert told.last("dc_voltage_current") == VoltageCurrent(400.0, 25.0)
    assert told.names() == ["dc_mode", "dc_voltage_current", "isolation_measurement"]
    dc.tick(CHARGING)
    assert told.names() == ["dc_voltage_current", "isolation_measurement"]
    dc.tick(snapshot())
    assert told.last("dc_mode") is DcMode.OFF
    assert told.last("dc_voltage_current") == VoltageCurrent(0.0, 0.0)


def test_a_new_broker_hears_the_mode_again() -> None:
    told = Told()
    dc = SimulatedDc(told)
    dc.tick(CHARGING)
    dc.connected()
    told.names()
    dc.tick(CHARGING)
    assert "dc_mode" in told.names()


def test_the_link_is_up_from_plug_to_unplug() -> None:
    told = Told()
    hlc = plugged(told)
    assert told.names() == ["dlink_ready", "car_manufacturer", "ev_info"]
    hlc.event_told(SessionEvent(K.TRANSACTION_STARTED, "u1"))
    assert told.names() == []
    hlc.event_told(SessionEvent(K.SESSION_FINISHED, "u1"))
    assert told.values == [("dlink_ready", False)]


def test_the_battery_fills_while_power_flows() -> None:
    told = Told()
    hlc = plugged(told)
    for now_s in range(1801):
        hlc.tick(CHARGING, float(now_s))
    info = told.last("ev_info")
    assert isinstance(info, EvInfo)
    assert info.soc == SOC_AT_PLUG + 10.0  # 10 kW for half an hour into 50 kWh
    assert info.remaining_energy_needed == 25_000
    hlc.tick(replace(CHARGING, mirror_closed=False), 5000.0)
    assert told.last("ev_info") == info


def test_without_an_ev_nothing_is_told_of_it() -> None:
    told = Told()
    SimulatedHlc(told).tick(CHARGING, 1.0)
    assert told.names() == []


def test_a_certificate_is_asked_for_when_that_is_configured() -> None:
    told = Told()
    plugged(told)
    assert "iso15118_certificate_request" not in told.names()
    plugged(told, INSTALL)
    assert told.names()[-1] == "iso15118_certificate_request"


def test_what_a_configuration_leaves_unset_stays() -> None:
    told = Told()
    hlc = SimulatedHlc(told)
    hlc.plug_and_charge(PlugAndChargeConfiguration(pnc_enabled=True))
    hlc.event_told(SessionEvent(K.AUTH_REQUIRED, "u1"))
    assert "iso15118_certificate_request" not in told.names()
    hlc.plug_and_charge(PlugAndChargeConfiguration(contract_certificate_installation_enabled=True))
    assert told.names() == ["iso15118_certificate_request"]


def test_a_refused_certificate_fails_the_session_once() -> None:
    told = Told()
    hlc = plugged(told, INSTALL)
    told.names()
    hlc.certificate_response(FAILED)
    failed = HlcSessionFailedEvent("u1", HlcSessionFailedReason.AUTHORIZATION_FAILED)
    assert told.values == [("hlc_session_failed", failed)]
    hlc.certificate_response(FAILED)
    assert len(told.values) == 1


def test_a_granted_certificate_fails_nothing() -> None:
    told = Told()
    hlc = plugged(told, INSTALL)
    told.names()
    hlc.certificate_response(replace(FAILED, status=ResponseStatus.ACCEPTED))
    assert told.names() == []


@pytest.mark.parametrize(
    ("in_transaction", "modes", "result"),
    [
        (False, (AC_1, DC), "Accepted"),
        (False, (DC,), "IncompatibleEnergyTransfer"),
        (True, (AC_3,), "Accepted"),
        (True, (AC_1,), "ServiceRenegotiationFailed"),
        (True, (DC,), "IncompatibleEnergyTransfer"),
    ],
)
def test_energy_transfer_modes(
    in_transaction: bool, modes: tuple[EnergyTransferMode, ...], result: str
) -> None:
    hlc = plugged(Told())
    if in_transaction:
        hlc.event_told(SessionEvent(K.TRANSACTION_STARTED, "u1"))
    assert hlc.energy_transfer_modes(modes) is EnergyTransferModesResult(result)


def test_after_a_transaction_the_modes_are_open_again() -> None:
    hlc = plugged(Told())
    hlc.event_told(SessionEvent(K.TRANSACTION_STARTED, "u1"))
    hlc.event_told(SessionEvent(K.TRANSACTION_FINISHED, "u1"))
    assert hlc.energy_transfer_modes((AC_1,)) is EnergyTransferModesResult.ACCEPTED


def lines_of(board: str, sim: SimConfig) -> tuple[list[str], list[str]]:
    told, lines = Told(), []
    config = Config(board=BoardConfig(name=board), sim=sim)
    extras = extras_of(config, told, lambda priority, text, fields: lines.append(text))
    extras.connected()
    extras.event_told(SessionEvent(K.AUTH_REQUIRED, "u1"))
    extras.tick(CHARGING, 1.0)
    return lines, told.names()


def test_simulated_extras_are_announced_as_such() -> None:
    lines, names = lines_of("sim", SimConfig(dc=True, hlc=True))
    assert [line.split(":")[0] for line in lines] == ["SIMULATION", "SIMULATION"]
    assert {"dc_capabilities", "dc_mode", "dlink_ready", "ev_info"} <= set(names)


def test_without_being_asked_for_nothing_is_made_up() -> None:
    assert lines_of("sim", SimConfig()) == ([], [])


def test_on_a_real_board_nothing_is_made_up() -> None:
    lines, names = lines_of("carrier", SimConfig(dc=True, hlc=True))
    assert names == []
    assert ["is ignored: board carrier" in line for line in lines] == [True, True]


def test_without_iso_15118_there_is_no_high_level_communication() -> None:
    config = Config(board=BoardConfig(name="sim"), sim=SimConfig(dc=True))
    assert high_level_of(extras_of(config, Told(), lambda *line: None)) is NO_HLC
    assert NO_HLC.energy_transfer_modes((AC_1,)) is EnergyTransferModesResult.NO_HLC
