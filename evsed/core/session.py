"""The books of one session and its transaction: who, since when, why it ends."""

from evsed.core.commands import Reservation
from evsed.core.states import StopReason
from evsed.core.tokens import ProvidedIdToken


class Session:
    """uuid is "" while none is open. Deadlines are monotonic seconds or None."""

    __slots__ = (
        "auth_deadline_s",
        "charging_started",
        "ev_left",
        "id_tag",
        "in_transaction",
        "parent",
        "paused",
        "reservation",
        "resumed",
        "stop_id_tag",
        "stop_reason",
        "suspended",
        "uuid",
    )

    def __init__(self) -> None:
        self.close()

    def close(self) -> None:
        self.uuid = ""
        self.id_tag: ProvidedIdToken | None = None
        self.parent = ""  # group of id_tag
        self.reservation: Reservation | None = None  # that this session has used
        self.resumed = False  # from what the store knew: its transaction is on disk
        self.suspended = False  # by a planned stop, to be resumed by the next process
        self.in_transaction = False
        self.charging_started = False  # ChargingStarted went out since the last PrepareCharging
        self.ev_left = False  # since the stop: an EV that is there now begins a session of its own
        self.paused = False  # by pause_charging
        self.stop_reason: StopReason | None = None
        self.stop_id_tag: ProvidedIdToken | None = None
        self.auth_deadline_s: float | None = None

    @property
    def authorized(self) -> bool:
        return self.id_tag is not None

    @property
    def stopping(self) -> bool:
        return self.stop_reason is not None

    def stop(self, reason: StopReason, id_tag: ProvidedIdToken | None = None) -> None:
        """Ask for the end of the transaction; the first reason stands."""
        if self.in_transaction and self.stop_reason is None:
            self.stop_reason, self.stop_id_tag = reason, id_tag
