"""Every setting of evsed: one Struct for each TOML table; all about a key stands together.

Rule 1: a key's unit is the suffix of its name.
Rule 2: when a change takes effect is its mark (marks.py).
Rule 3: nothing else repeats a default or a bound: checks, errors and the shipped evsed.toml come from here.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from evsed.config.marks import safety, soft
from evsed.config.schema_hardware import (
    BoardConfig,
    MeterConfig,
    OverCurrentConfig,
    PowerQualityConfig,
    SimConfig,
    TemperatureConfig,
)

IdToken = Annotated[str, Meta(min_length=1, max_length=36)]  # 36: the contract's and OCPP's longest id token
TopicPrefix = Annotated[str, Meta(min_length=1, pattern="^[^+#]+$")]


# fmt: off
class MqttConfig(msgspec.Struct, frozen=True):
    """The MQTT broker that clients of this EVSE use."""

    host: Annotated[str, soft("Host name or address of the broker.", min_length=1)] = "127.0.0.1"
    port: Annotated[int, soft("TCP port of the broker.", ge=1, le=65535)] = 1883
    username: Annotated[str, soft("User name at the broker; empty = none is sent.")] = ""
    password_file: Annotated[str, soft("File whose first line is the password; empty = none is sent.")] = ""
    keepalive_s: Annotated[
        int, soft("A broker silent for 1.5 times this long counts as lost.", ge=1, le=3600)
    ] = 15
    reply_prefixes: Annotated[
        tuple[TopicPrefix, ...],
        soft("What a request's replyTo must start with; none given = any topic.", form="without + or #"),
    ] = ()
    max_payload_bytes: Annotated[
        int, soft("A longer message is refused and counted.", ge=1024, le=65536)
    ] = 65536


class ApiConfig(msgspec.Struct, frozen=True):
    """The EVerest API on MQTT."""

    module_id: Annotated[
        str,
        safety("Topic level that names this EVSE: everest_api/1/evse_manager_consumer/{module_id}/...",
               form="one topic level: no / + #", min_length=1, max_length=128, pattern="^[^/+#]+$"),
    ] = "evse"
    heartbeat_interval_ms: Annotated[
        int, soft("Time between two heartbeat messages; 0 = off.", ge=0, le=3600000)
    ] = 1000
    newer_enums: Annotated[bool, soft("Send enum values that are newer than API 1.0.0.")] = False
    communication_check_s: Annotated[
        int, soft("A client that sends communication_check must do so this often; 0 = not supervised.",
                  ge=0, le=3600)
    ] = 5
    communication_check_required: Annotated[
        bool, soft("Supervise from the start, not only from the first communication_check on.")
    ] = False
    external_ready_to_start_charging: Annotated[
        bool, safety("Offer nothing until a client sends external_ready_to_start_charging.")
    ] = False
    older_interface: Annotated[
        bool, soft("Serve everest_api/0/evse_manager/{module_id}/... too.")
    ] = True


class EvseConfig(msgspec.Struct, frozen=True):
    """This EVSE, its connector and what its installation carries."""

    id: Annotated[int, safety("Number of this EVSE in the charging station.", ge=1, le=128)] = 1
    connector_id: Annotated[int, safety("Number of the connector in the EVSE.", ge=1, le=2147483647)] = 1
    evse_id: Annotated[
        str, safety("Identifier of this EVSE for drivers and billing (ISO 15118, eMI3).")
    ] = "DE*PNX*E1234567*1"
    connector_type: Annotated[
        Literal["sType2", "cType2"],
        safety('"sType2": Type 2 socket with a lock; "cType2": tethered Type 2 cable.'),
    ] = "sType2"
    max_current_a: Annotated[
        float, safety("Hard ceiling of this installation, each phase.", ge=6, le=80)
    ] = 32.0
    phases: Annotated[Literal[1, 3], safety("Phases that the contactor switches.")] = 3
    phase_switching: Annotated[
        bool, safety("The board's second contactor may switch between one and three phases.")
    ] = False
    nominal_voltage_v: Annotated[
        float, safety("Voltage between line and neutral; turns limits in watts into amperes.", ge=100, le=250)
    ] = 230.0
    has_ventilation: Annotated[bool, safety("The place is ventilated: an EV in state D is served.")] = True
    cable_ampacity_a: Annotated[
        float, safety("What the tethered cable carries (cType2 only).", ge=6, le=80)
    ] = 32.0


class AuthConfig(msgspec.Struct, frozen=True):
    """Who may charge."""

    mode: Annotated[
        Literal["external", "free", "tokens"],
        soft('"external": wait for authorize_response; "free": every EV; "tokens": those of auth.tokens.'),
    ] = "external"
    tokens: Annotated[
        tuple[IdToken, ...], soft('Id tokens that are accepted with mode "tokens".', secret=True)
    ] = ()
    token_file: Annotated[
        str, soft('File of more tokens with names, lines such as "04A2B3C4" = "Anna"; empty = none.')
    ] = ""
    master_pass_group: Annotated[
        str, soft("Parent id of tokens that may stop every transaction but start none; empty = none.",
                  secret=True, max_length=36)
    ] = ""
    connection_timeout_s: Annotated[
        float, soft("An authorization lapses when no EV comes this long.", ge=1, le=86400)
    ] = 60.0


class CoreConfig(msgspec.Struct, frozen=True):
    """Timing of the control loop and the control pilot (IEC 61851-1)."""

    tick_ms: Annotated[int, safety("Period of the control loop.", ge=5, le=20)] = 10
    reclose_min_s: Annotated[
        float,
        safety("Contactor open at least this long before it closes again; power must follow within 3 s "
               "(IEC 61851-1 Table A.6 seq. 4).", ge=0, le=2.5),
    ] = 2.0
    state_f_s: Annotated[
        float,
        safety("State F lasts this long with an EV plugged, then X1: so its leaving is seen.", ge=0.3, le=5),
    ] = 0.3
    wake_up: Annotated[
        bool, soft("Wake an EV that sleeps through the offer of power, once for each offer.")
    ] = True
    ev_stop_s: Annotated[
        float, soft("End the transaction of an EV in state B for this long; 0 = never.", ge=0, le=86400)
    ] = 0.0
    rcd_test_every_h: Annotated[
        float,
        safety("Test of the residual current device by itself: before each EV and this often; 0 = never.",
               ge=0, le=8760),
    ] = 24.0
    replug_s: Annotated[
        float, soft("Length of a virtual replug (m2e/replug).", ge=1, le=30)
    ] = 4.0


class LimitsConfig(msgspec.Struct, frozen=True):
    """Current limits."""

    fallback_a: Annotated[
        float,
        safety("Limit when the source of a limit falls silent or over-current is not measured.", ge=6, le=80),
    ] = 6.0
    external_keepalive_s: Annotated[
        float,
        soft("Limits of set_external_limits lapse to fallback_a without a new one for so long; 0 = never.",
             ge=0, le=86400),
    ] = 0.0


class PhasesConfig(msgspec.Struct, frozen=True):
    """Switching between one and three phases (evse.phase_switching)."""

    mode: Annotated[
        Literal["never", "oneway", "both"],
        soft("Follow a limit in watts by changing the phases: never, from three to one only, or both ways."),
    ] = "never"
    delay_s: Annotated[
        float, safety("Break between opening and the new phases.", ge=1, le=300)
    ] = 10.0
    cp_state: Annotated[
        Literal["X1", "F"], safety("What the pilot shows during the break.")
    ] = "X1"
    power_hysteresis_w: Annotated[
        float, soft("Back to three phases only this far above what one phase cannot use.", ge=0, le=5000)
    ] = 200.0
    time_hysteresis_s: Annotated[
        float, soft("Back to three phases only after enough power for this long.", ge=0, le=86400)
    ] = 600.0
    max_switches_n: Annotated[
        int, soft("Automatic changes in one session; 0 = any number.", ge=0, le=1000)
    ] = 0


class RandomDelayConfig(msgspec.Struct, frozen=True):
    """Delay of changes of the limit by a random time (UK Smart Charge Points Regulations 2021)."""

    enabled: Annotated[bool, soft("Delay at the start; clients can switch it while we run.")] = False
    max_duration_s: Annotated[int, soft("The longest delay.", ge=0, le=1800)] = 600
    at_any_change: Annotated[
        bool, soft("Delay every change of the limit, not only those between nothing and something.")
    ] = True


class SessionConfig(msgspec.Struct, frozen=True):
    """Sessions over a restart, and limits that end a transaction (m2e/set_session_limits overrides those)."""

    resume_after_power_loss: Annotated[
        bool, soft("Go on with a transaction after a restart if the EV is still there; else close it.")
    ] = False
    restart_delay_max_s: Annotated[
        float, soft("After an outage offer nothing for a random time of up to this long; 0 = none.",
                    ge=0, le=1800)
    ] = 0.0
    energy_limit_kwh: Annotated[float, soft("Energy of a transaction; 0 = no limit.", ge=0, le=1000)] = 0.0
    duration_limit_min: Annotated[
        float, soft("Length of a transaction; 0 = no limit.", ge=0, le=100000)
    ] = 0.0
    cost_limit: Annotated[
        float, soft("Cost of a transaction at price_per_kwh; 0 = no limit.", ge=0, le=1000000)
    ] = 0.0
    price_per_kwh: Annotated[float, soft("Price of energy, in any currency.", ge=0, le=1000)] = 0.0


class Config(msgspec.Struct, frozen=True):
    """The whole configuration: one attribute for each table."""

    board: BoardConfig = BoardConfig()
    mqtt: MqttConfig = MqttConfig()
    api: ApiConfig = ApiConfig()
    evse: EvseConfig = EvseConfig()
    auth: AuthConfig = AuthConfig()
    core: CoreConfig = CoreConfig()
    limits: LimitsConfig = LimitsConfig()
    phases: PhasesConfig = PhasesConfig()
    random_delay: RandomDelayConfig = RandomDelayConfig()
    session: SessionConfig = SessionConfig()
    power_quality: PowerQualityConfig = PowerQualityConfig()
    temperature: TemperatureConfig = TemperatureConfig()
    over_current: OverCurrentConfig = OverCurrentConfig()
    meter: MeterConfig = MeterConfig()
    sim: SimConfig = SimConfig()
# fmt: on
