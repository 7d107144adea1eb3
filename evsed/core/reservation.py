"""A reservation: for whom, when it ends, and what is told about it (behaviour of EVerest, one EVSE)."""

from evsed.core.commands import Reservation
from evsed.core.events import ReservationChanged
from evsed.core.situation import Situation
from evsed.core.states import EventKind, ReservationEndReason
from evsed.core.tokens import ProvidedIdToken


def same(one: str, other: str) -> bool:
    """Id tokens are compared without regard to case; nothing is the same as no token."""
    return bool(one) and one.casefold() == other.casefold()


def is_for(s: Situation, token: ProvidedIdToken, reservation_id: int | None = None) -> bool:
    """Whether nobody else has reserved. reservation_id: what an authorizer has found the token to be for."""
    reserved = s.reservation
    if reserved is None or not reserved.id_token or reserved.reservation_id == reservation_id:
        return True
    parent = token.parent_id_token.value if token.parent_id_token else ""
    return same(token.id_token.value, reserved.id_token) or same(parent, reserved.parent_id)


def start_reservation(s: Situation, reservation: Reservation) -> None:
    """A second one with the same number replaces the first, about which nobody need be told."""
    replaced = s.reservation is not None
    s.reservation = reservation
    s.events.append(ReservationChanged(reservation))
    if not replaced:
        s.emit(EventKind.RESERVATION_START, reservation=reservation)


def end_reservation(s: Situation, reason: ReservationEndReason) -> bool:
    """Whether there was one."""
    ended, s.reservation = s.reservation, None
    if ended is not None:
        s.events.append(ReservationChanged(None))
        s.emit(EventKind.RESERVATION_END, reservation=ended, reservation_end=reason)
    return ended is not None


def use_reservation(s: Situation) -> Reservation | None:
    """The one that a token has just been let in by."""
    used = s.reservation
    end_reservation(s, ReservationEndReason.USED)
    return used


def expire_reservation(s: Situation) -> None:
    reserved = s.reservation
    if reserved is not None and reserved.expires_at_s is not None and s.now_s >= reserved.expires_at_s:
        end_reservation(s, ReservationEndReason.EXPIRED)
