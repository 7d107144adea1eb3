"""The charger as it is now, for whoever looks on: state, readings, and every ceiling with its source."""

from evsed.core.inputs import LimitRow, Outputs, RandomDelayInfo, Snapshot
from evsed.core.limits import FAULT, RANDOM_DELAY
from evsed.core.pilot_duty import offered_a
from evsed.core.situation import Situation
from evsed.core.states import EvseState
from hal.types import CpReading, LockDrive, RailsReading


def snapshot_of(s: Situation, outputs: Outputs) -> Snapshot:
    cp = s.pilot.reading if isinstance(s.pilot.reading, CpReading) else CpReading(None, None, 0, 0)
    limit_a, limit_source = _binding(s)
    return Snapshot(
        state=s.state,
        cp=s.cp,
        cp_high_v=cp.high_v,
        cp_low_v=cp.low_v,
        duty=outputs.duty,
        offered_a=offered_a(outputs.duty),
        limit_a=limit_a,
        limit_source=limit_source,
        limits=_rows(s),
        phases=s.phases.active,
        ampacity=s.proximity.ampacity,
        contactor_closed=outputs.contactor_closed,
        mirror_closed=s.inputs.mirror_closed,
        locked=s.inputs.locked,
        enabled=s.availability.enabled,
        authorized=s.session.authorized,
        paused=s.session.paused,
        session_uuid=s.session.uuid,
        in_transaction=s.session.in_transaction,
        id_token=s.session.id_tag.id_token.value if s.session.id_tag else "",
        faults=tuple(s.faults),
        led=outputs.led,
        lines=_lines(s, outputs),
        cp_samples_n=(cp.high_n, cp.low_n),
        meter=s.meter,
        reservation=s.reservation,
        random_delay=_random_delay(s),
        rails=s.inputs.rails if isinstance(s.inputs.rails, RailsReading) else None,
        temperatures=s.inputs.temperatures,
        waits_for_external_ready=not s.released and s.state is EvseState.BOOTING,
        charged_wh=_charged_wh(s),
    )


def _charged_wh(s: Situation) -> float | None:
    if not s.session.in_transaction or s.meter is None:
        return None
    return s.session_limits.used_wh(s.meter.energy_import_wh)


def _lines(s: Situation, outputs: Outputs) -> dict[str, bool]:
    return {
        "contactor": outputs.contactor_closed,
        "mirror": s.inputs.mirror_closed,
        "three_phases": outputs.three_phases,
        "cp_disconnected": not outputs.cp_connected,
        "lock": outputs.lock is LockDrive.LOCK,
        "unlock": outputs.lock is LockDrive.UNLOCK,
        "locked": s.inputs.locked,
        "rcd_tripped": s.inputs.rcd_tripped,
        "rcd_test": outputs.rcd_test,
        "emergency_stop": s.inputs.emergency_stop,
        "stop_button": s.inputs.stop_pressed,
        "shunt_trip": outputs.shunt_trip,
    }


def _binding(s: Situation) -> tuple[float, str]:
    return (0.0, FAULT) if s.blocked else (s.limit_a, s.limit_source)


def _rows(s: Situation) -> tuple[LimitRow, ...]:
    """The limit table, and what limits without standing in it."""
    rows = list(s.limits.rows())
    if s.phases.supported and s.phases.active < 3:
        rows.append(LimitRow("phases", phases=s.phases.active))
    if s.random_delay.running:
        rows.append(LimitRow(RANDOM_DELAY, s.limit_a))
    rows += s.session_limits.rows()
    if s.blocked:
        rows.append(LimitRow(FAULT, 0.0, text=", ".join(s.faults)))
    return tuple(rows)


def _random_delay(s: Situation) -> RandomDelayInfo | None:
    return s.random_delay.info(s.now_s, s.limit_a, s.limits.limit_a) if s.random_delay.enabled else None
