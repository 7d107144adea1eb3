"""What clients ask and the gateway itself answers: QUERIES, by the name in Operation.query.

Rule: a query never waits and has a bounded answer.
"""

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

import msgspec
from msgspec import UNSET

from evsed.api.arguments import (
    EnergyTransferMode,
    PlugAndChargeConfiguration,
    ResponseExiStreamStatus,
    SessionsQuery,
)
from evsed.api.encoding import timestamp
from evsed.api.errors import ActiveErrors
from evsed.api.router import Query
from evsed.api.values import signed
from evsed.api.wire import SignedMeterValue
from evsed.api.wire_extensions import EnergyTransferModesResult, ErrorObject, SessionRecord
from evsed.core.events import LastingEvent
from evsed.gateway.latest import LatestValues
from evsed.gateway.store import Store, StoredSession
from hal.types import SignedValue

NOT_AVAILABLE = "NOT_AVAILABLE"  # interface 000's word for a meter that signs nothing
EVER = 0.0


class Encoded(msgspec.Struct, frozen=True):
    """An answer that is JSON already."""

    payload: bytes


class HighLevel(msgspec.Struct, frozen=True):
    """What stands in for ISO 15118, if anything does. Without it nobody asks for a certificate."""

    certificate_response: Callable[[ResponseExiStreamStatus], None]
    plug_and_charge: Callable[[PlugAndChargeConfiguration], None]
    energy_transfer_modes: Callable[[tuple[EnergyTransferMode, ...]], EnergyTransferModesResult]


def _ignore(argument: object) -> None:
    pass


NO_HLC = HighLevel(_ignore, _ignore, lambda modes: EnergyTransferModesResult.NO_HLC)


class Queries:
    """energy_wh: what the open session's transaction has taken by now. checked: a communication_check."""

    def __init__(
        self,
        store: Store,
        latest: LatestValues,
        errors: ActiveErrors,
        energy_wh: Callable[[], float],
        checked: Callable[[bool], None],
        high_level: HighLevel = NO_HLC,
        meter_signs: bool = False,
    ) -> None:
        self._store, self._latest, self._errors = store, latest, errors
        self._energy_wh, self._checked, self._high_level = energy_wh, checked, high_level
        self._meter_signs = meter_signs
        self._document: bytes | None = None

    def answer(self, query: Query) -> object:
        """Raises KeyError for a name that the API's tables must not have."""
        return QUERIES[query.name](self, query.argument)

    def last_value(self, topic: str) -> Encoded:
        return Encoded(self._latest.of(topic))

    def active_errors(self, argument: object) -> tuple[ErrorObject, ...]:
        return self._errors.active()

    def sessions(self, wanted: SessionsQuery) -> tuple[SessionRecord, ...]:
        since_utc_s = EVER if wanted.since is UNSET else wanted.since.timestamp()
        return tuple(self._record(row) for row in self._store.sessions(since_utc_s, wanted.limit))

    def course(self, uuid: str) -> list[tuple[float, LastingEvent]]:
        """Faults of a session and how it ended, oldest first, each with its UTC time in seconds."""
        return self._store.course(uuid)

    def signed_meter_value(self, argument: object) -> str:
        value = self._store.newest_signed() if self._meter_signs else None
        return NOT_AVAILABLE if value is None else value.data

    def asyncapi(self, argument: object) -> Encoded:
        if self._document is None:
            self._document = files("evsed.api").joinpath("asyncapi.json").read_bytes()
        return Encoded(self._document)

    def communication_check(self, alive: bool) -> None:
        self._checked(alive)

    def certificate_response(self, response: ResponseExiStreamStatus) -> None:
        self._high_level.certificate_response(response)

    def plug_and_charge(self, configuration: PlugAndChargeConfiguration) -> None:
        self._high_level.plug_and_charge(configuration)

    def energy_transfer_modes(self, modes: tuple[EnergyTransferMode, ...]) -> EnergyTransferModesResult:
        return self._high_level.energy_transfer_modes(modes)

    def _record(self, row: StoredSession) -> SessionRecord:
        return SessionRecord(
            uuid=row.uuid,
            session_start_time=timestamp(row.started_utc_s),
            charged_energy_wh=self._charged_wh(row),
            start_reason=row.start_reason,
            session_end_time=_time(row.ended_utc_s),
            transaction_start_time=_time(row.transaction_started_utc_s),
            transaction_end_time=_time(row.transaction_ended_utc_s),
            reason=row.stop_reason,
            id_tag=row.id_tag,
            reservation_id=row.reservation_id,
            start_signed_meter_value=_signed(row.start_signed),
            signed_meter_value=_signed(row.signed),
        )

    def _charged_wh(self, row: StoredSession) -> float:
        if row.transaction_started_utc_s is not None and row.transaction_ended_utc_s is None:
            return self._energy_wh() if row.ended_utc_s is None else 0.0
        if row.start_wh is None or row.end_wh is None:
            return 0.0
        return round(max(0.0, row.end_wh - row.start_wh), 3)


def _signed(value: SignedValue | None) -> SignedMeterValue | None:
    return None if value is None else signed(value)


def _time(utc_s: float | None) -> str | None:
    return None if utc_s is None else timestamp(utc_s)


# fmt: off
QUERIES: Mapping[str, Callable[[Queries, Any], object]] = {
    "last_value":             Queries.last_value,
    "get_active_errors":      Queries.active_errors,
    "get_sessions":           Queries.sessions,
    "get_signed_meter_value": Queries.signed_meter_value,
    "get_asyncapi":           Queries.asyncapi,
    "communication_check":    Queries.communication_check,
    "certificate_response":   Queries.certificate_response,
    "plug_and_charge":        Queries.plug_and_charge,
    "energy_transfer_modes":  Queries.energy_transfer_modes,
}
# fmt: on
