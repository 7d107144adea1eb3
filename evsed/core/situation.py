"""Everything the charger knows at this moment: the machines, this step's inputs, and the events so far.

Facts, faults and requests are functions of a Situation; only charger.py puts a new one together.
"""

import math

from evsed.core.availability import Availability
from evsed.core.connector_lock import ConnectorLock
from evsed.core.control_pilot import ControlPilot
from evsed.core.events import Event, Note, SessionEvent
from evsed.core.inputs import Inputs
from evsed.core.limits import INSTALLATION, Limits
from evsed.core.over_current import OverCurrent
from evsed.core.pilot_duty import DUTY_X1
from evsed.core.power_path import PowerPath
from evsed.core.proximity import Proximity
from evsed.core.session import Session
from evsed.core.settings import Settings
from evsed.core.states import CpState, EventKind, EvseState
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
    )
)


class Situation:
    __slots__ = (
        "a_seen_s",
        "availability",
        "blocked",
        "duty",
        "entered_s",
        "events",
        "f_until_s",
        "faults",
        "fresh",
        "idle_f_since_s",
        "inputs",
        "last_spare_uuid",
        "last_uuid",
        "limits",
        "lock",
        "meter",
        "meter_since_s",
        "now_s",
        "offering_since_s",
        "over_current",
        "pilot",
        "planned_stop",
        "power",
        "proximity",
        "restored",
        "session",
        "settings",
        "state",
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
        self.limits = Limits(settings.fallback_a)
        self.limits.put(INSTALLATION, settings.max_current_a)

    def begin(self, inputs: Inputs, now_s: float) -> None:
        self.fresh = inputs.sample_seq != self.inputs.sample_seq
        self.inputs, self.now_s = inputs, now_s
        self.events = []

    def emit(self, kind: EventKind, **details: object) -> None:
        """A session event of the open session, with the newest meter reading."""
        self.events.append(SessionEvent(kind, self.session.uuid, self.meter, **details))  # type: ignore[arg-type]

    def note(self, text: str) -> None:
        self.events.append(Note(text, self.session.uuid))

    @property
    def cp(self) -> CpState:
        return self.pilot.state

    def ev_requests_power(self) -> bool:
        cp = self.pilot.state
        return cp is CpState.C or (cp is CpState.D and self.settings.has_ventilation)

    def lock_confirmed(self) -> bool:
        return not self.settings.socket or self.lock.confirmed

    def transaction_stored(self) -> bool:
        """TransactionStarted of this session is on disk: only then may power flow for it."""
        return self.session.in_transaction and self.inputs.stored_transaction == self.session.uuid
