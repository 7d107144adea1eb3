"""Everything the charger knows at this moment: the machines, this step's inputs, and the events so far.

Facts, faults and requests are functions of a Situation; only charger.py puts a new one together.
"""

import math
import uuid

from evsed.core.availability import Availability
from evsed.core.commands import OpenSession, Reservation
from evsed.core.connector_lock import ConnectorLock
from evsed.core.control_pilot import ControlPilot
from evsed.core.derating import Derating
from evsed.core.events import Event, Note, SessionEvent
from evsed.core.inputs import Inputs
from evsed.core.limits import HARDWARE, INSTALLATION, RANDOM_DELAY, Limits
from evsed.core.over_current import OverCurrent
from evsed.core.phases import Phases
from evsed.core.pilot_duty import DUTY_X1
from evsed.core.power_path import PowerPath
from evsed.core.proximity import Proximity
from evsed.core.random_delay import RandomDelay
from evsed.core.self_test import LOCK_S, RELEASE_S, TRIP_S, SelfTest
from evsed.core.session import Session
from evsed.core.session_limits import SessionLimits
from evsed.core.settings import Settings, with_soft
from evsed.core.states import CpState, EventKind, EvseState
from evsed.core.voltage import Voltage
from hal.types import MeterReading, Missing

# States that cannot be left by plugging or unplugging alone: no session is open by the plug.
WITHOUT_EV = frozenset((EvseState.BOOTING, EvseState.DISABLED, EvseState.IDLE))
IN_TRANSACTION = frozenset(
    (
        EvseState.PREPARE_CHARGING,
        EvseState.WAITING_FOR_ENERGY,
        EvseState.CHARGING,
        EvseState.CHARGING_PAUSED_EV,
        EvseState.CHARGING_PAUSED_EVSE,
        EvseState.WAKE_UP_F,
        EvseState.WAKE_UP_X1,
        EvseState.SWITCHING_PHASES,
    )
)
# Where a change of the limit concerns an EV (behaviour of EVerest's random delay).
FOLLOWS_LIMIT = frozenset(
    (
        EvseState.WAITING_FOR_AUTHENTICATION,
        EvseState.PREPARE_CHARGING,
        EvseState.WAITING_FOR_ENERGY,
        EvseState.CHARGING,
    )
)


class Situation:
    __slots__ = (
        "a_seen_s",
        "availability",
        "blocked",
        "derating",
        "draws_n",
        "duty",
        "entered_s",
        "events",
        "f_until_s",
        "faulted",
        "faults",
        "fresh",
        "idle_f_since_s",
        "inputs",
        "last_spare_uuid",
        "last_uuid",
        "limit_a",
        "limit_source",
        "limits",
        "lock",
        "lock_test",
        "meter",
        "meter_since_s",
        "now_s",
        "offering_since_s",
        "over_current",
        "phases",
        "pilot",
        "planned_stop",
        "power",
        "proximity",
        "random_delay",
        "rcd_test",
        "released",
        "replug_due",
        "replug_since_s",
        "reservation",
        "restored",
        "session",
        "session_limits",
        "settings",
        "state",
        "to_resume",
        "to_resume_until_s",
        "voltage",
        "woken_up",
    )

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.inputs = Inputs(0, Missing("not read yet", 0.0))
        self.now_s = 0.0
        self.fresh = False  # this step has a new sample
        self.events: list[Event] = []
        self.state = EvseState.BOOTING
        self.entered_s = 0.0
        self.last_spare_uuid = ""  # the newest spare uuid that a session took
        self.last_uuid = ""  # of the newest session
        self.restored = False
        self.released = not settings.external_ready  # somebody has said that charging may start
        self.faulted = False  # by set_faulted
        self.replug_due = False
        self.replug_since_s: float | None = None  # when the pilot was taken off the EV
        self.reservation: Reservation | None = None
        self.draws_n = 0
        self.planned_stop = False
        self.duty = DUTY_X1  # as driven since the last step
        self.offering_since_s: float | None = None  # the duty has offered a current without a break
        self.woken_up = False  # the wake-up sequence has been tried
        self.faults: dict[str, float] = {}  # active ones and since when
        self.blocked = False  # some active fault forbids power
        self.idle_f_since_s: float | None = None  # a fault since then wants state F once the EV has left
        self.f_until_s = 0.0  # a fault drives F until then
        self.meter: MeterReading | None = None
        self.meter_since_s: float | None = None  # when the newest reading was taken, or when we began to wait
        self.a_seen_s = -math.inf  # when no EV was last seen on the pilot
        self.pilot = ControlPilot(settings.has_ventilation)
        self.proximity = Proximity()
        self.power = PowerPath(settings.reclose_min_s)
        self.lock = ConnectorLock()
        self.over_current = OverCurrent(settings)
        self.availability = Availability()
        self.session = Session()
        self.rcd_test = SelfTest(TRIP_S, RELEASE_S)
        self.lock_test = SelfTest(LOCK_S, LOCK_S)
        self.voltage = Voltage(settings)
        self.to_resume: OpenSession | None = None  # a left-over transaction that waits to be resumed
        self.to_resume_until_s = 0.0
        self.session_limits = SessionLimits(settings)
        self.derating = Derating(settings)
        self.phases = Phases(settings)
        self.random_delay = RandomDelay(settings)
        self.limits = Limits(settings.fallback_a, settings.nominal_voltage_v, settings.phases)
        self.limits.put(INSTALLATION, settings.max_current_a)
        self.limits.put(HARDWARE, settings.hardware_current_a)
        self.limit_a = 0.0  # the one that counts now, the random delay included
        self.limit_source = "none"

    def configure(self, wanted: Settings) -> None:
        """Take what may change while charging goes on."""
        before, self.settings = self.settings, with_soft(self.settings, wanted)
        self.phases.configure(self.settings)
        self.session_limits.configure(self.settings)
        self.random_delay.configure(before, self.settings)

    def begin(self, inputs: Inputs, now_s: float) -> None:
        self.fresh = inputs.sample_seq != self.inputs.sample_seq
        self.inputs, self.now_s = inputs, now_s
        self.events = []

    def emit(self, kind: EventKind, **details: object) -> None:
        """A session event of the open session, with the newest meter reading."""
        self.events.append(SessionEvent(kind, self.session.uuid, self.meter, **details))  # type: ignore[arg-type]

    def note(self, text: str) -> None:
        self.events.append(Note(text, self.session.uuid))

    def draw(self) -> float:
        """Evenly in 0 <= x < 1, from the uuid that each step brings: step() has no randomness of its own."""
        self.draws_n += 1
        drawn = uuid.uuid5(uuid.NAMESPACE_OID, f"{self.inputs.spare_uuid} {self.draws_n}")
        return drawn.int / 2.0**128

    def update_limit(self) -> None:
        """What may be offered now, and which row says so."""
        limits, delay = self.limits, self.random_delay
        limits.update(self.now_s)
        self.phases.update(limits.power_w, limits.phases, self.now_s)
        self.limit_a, self.limit_source = limits.limit_a, limits.source
        if delay.enabled:
            concerned = self.state in FOLLOWS_LIMIT
            asked_a = min(limits.asked_a, self.settings.max_current_a)
            allowed_a = delay.update(asked_a, concerned, self.now_s, self.draw)
            if delay.running:
                self.limit_a, self.limit_source = limits.own_a, limits.own_source
                if allowed_a <= limits.own_a:
                    self.limit_a, self.limit_source = allowed_a, RANDOM_DELAY

    @property
    def cp(self) -> CpState:
        return self.pilot.state

    def stop_waits(self) -> bool:
        """The transaction has been asked to end: a replug on the way is over."""
        return self.session.in_transaction and self.session.stopping

    def may_self_test(self) -> bool:
        """Nobody is there and no power can flow."""
        alone = self.state is EvseState.IDLE and not self.session.uuid and self.pilot.state is CpState.A
        return alone and self.power.off and not self.planned_stop

    def ev_requests_power(self) -> bool:
        cp = self.pilot.state
        return cp is CpState.C or (cp is CpState.D and self.settings.has_ventilation)

    def lock_confirmed(self) -> bool:
        return not self.settings.socket or self.lock.confirmed

    def transaction_stored(self) -> bool:
        """TransactionStarted of this session is on disk: only then may power flow for it."""
        stored = self.session.resumed or self.inputs.stored_transaction == self.session.uuid
        return self.session.in_transaction and bool(self.session.uuid) and stored
