"""Past sessions as a table for people and as CSV (RFC 4180, with a header line)."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from evsed.config.check import printable
from evsed.evsectl import words

Session = Mapping[str, Any]
_UUID_SHOWN = 8  # characters, enough to find it in the journal
_FORM = "{:<20}  {:>9}  {:>11}  {:<20}  {:<8}  {}"

COLUMNS = (
    "uuid",
    "session_start_time",
    "session_end_time",
    "transaction_start_time",
    "transaction_end_time",
    "charged_energy_wh",
    "start_reason",
    "reason",
    "id_token",
    "token_name",
    "reservation_id",
)


def table(sessions: Iterable[Session]) -> Iterator[str]:
    yield _FORM.format("began (UTC)", "lasted", "energy", "ended by", "uuid", "token")
    for session in sessions:
        yield printable(_row(session).rstrip())


def as_csv(sessions: Iterable[Session]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for session in sessions:
        known = {**session, "id_token": _token(session)}
        writer.writerow([_cell(known.get(column)) for column in COLUMNS])
    return text.getvalue().rstrip("\n")


def _row(session: Session) -> str:
    began, ended = session.get("session_start_time"), session.get("session_end_time")
    token = _token(session)
    return _FORM.format(
        f"{began[:19]}Z" if began else "-",
        words.duration(_seconds(began, ended)) if began and ended else "open",
        f"{(session.get('charged_energy_wh') or 0.0) / 1000:.3f} kWh",
        session.get("reason") or "-",
        str(session.get("uuid") or "-")[:_UUID_SHOWN],
        words.holder(token, session.get("token_name")) if token else "-",
    )


def _token(session: Session) -> str:
    return str(((session.get("id_tag") or {}).get("id_token") or {}).get("value") or "")


def _seconds(began: str, ended: str) -> float:
    return max(0.0, (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds())


def _cell(value: object) -> str:
    return "" if value is None else printable(str(value))
