"""What the gateway itself answers, through the real router and a real store."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from evsed.api.errors import ActiveErrors
from evsed.api.identity import Identity
from evsed.api.older import OLDER
from evsed.api.operations import Moment
from evsed.api.router import Publication, Query, Router
from evsed.api.topics import V1
from evsed.core.events import SessionEvent
from evsed.core.states import EventKind as K
from evsed.core.states import StartReason, StopReason
from evsed.core.tokens import local_token
from evsed.gateway.latest import LatestValues
from evsed.gateway.queries import QUERIES, Encoded, Queries
from evsed.gateway.store import SignedTransaction, Store
from evsed.link.messages import NumberedEvent
from hal.types import MeterReading, SignedValue

API = "everest_api/1/evse_manager_consumer/evse/"
NOW = Moment(100.0, 1_800_000_000.0)


class Rig:
    def __init__(self, path: Path) -> None:
        self.store, self.errors = Store(path), ActiveErrors()
        self.latest = LatestValues([API + "e2m/limits"])
        self.checked: list[bool] = []
        self.router = Router(Identity(), older=OLDER)
        self.queries = Queries(self.store, self.latest, self.errors, lambda: 55.0, self.checked.append)

    def ask(self, name: str, payload: object = None) -> Any:
        """The reply as a client would read it."""
        body: dict[str, object] = {"headers": {"replyTo": "client/reply"}}
        if payload is not None:
            body["payload"] = payload
        value = self.take(name, body)
        return msgspec.json.decode(
            value.payload if isinstance(value, Encoded) else msgspec.json.encode(value)
        )

    def take(self, name: str, body: object) -> object:
        query = self.router.call(API + "m2e/" + name, msgspec.json.encode(body), NOW)
        assert isinstance(query, Query)
        return self.queries.answer(query)

    def keep(self, *events: SessionEvent) -> None:
        first_n = self.store.stored_n("boot") + 1
        numbered = [NumberedEvent(n, float(n), event) for n, event in enumerate(events, first_n)]
        self.store.store("boot", [(e, 1_700_000_000.0 + e.n) for e in numbered], synchronised=True)


@pytest.fixture
def rig(tmp_path: Path):
    rig = Rig(tmp_path / "evsed.sqlite")
    yield rig
    rig.store.close()


def test_every_query_of_the_tables_has_an_answer_here_and_no_other() -> None:
    rows = (*V1.operations, *OLDER.interface.operations)
    assert {row.query for row in rows if row.query} | {"last_value"} == set(QUERIES)


def test_the_last_value_is_answered_as_it_was_published_and_null_before(rig: Rig) -> None:
    assert rig.ask("limits/get") is None
    rig.latest.note(Publication(API + "e2m/limits", b'{"max_current": 16.0}', 0, True))
    assert rig.take("limits/get", {}) == Encoded(b'{"max_current": 16.0}')


def test_active_errors_are_listed(rig: Rig) -> None:
    assert rig.ask("get_active_errors") == []
    rig.errors.raise_own("generic/CommunicationFault", "x", "y", at_utc_s=5.0)
    assert [error["sub_type"] for error in rig.ask("get_active_errors")] == ["x"]


def test_a_session_is_told_with_its_transaction(rig: Rig) -> None:
    rig.keep(
        SessionEvent(K.SESSION_STARTED, "u1", start_reason=StartReason.EV_CONNECTED),
        SessionEvent(
            K.TRANSACTION_STARTED, "u1", meter=MeterReading(1.0, 1000.0), id_tag=local_token("CAFE")
        ),
    )
    (open_one,) = rig.ask("get_sessions")
    assert open_one["charged_energy_wh"] == 55.0
    assert "session_end_time" not in open_one
    rig.keep(
        SessionEvent(
            K.TRANSACTION_FINISHED, "u1", meter=MeterReading(2.0, 1250.5), stop_reason=StopReason.LOCAL
        ),
        SessionEvent(K.SESSION_FINISHED, "u1"),
    )
    (told,) = rig.ask("get_sessions")
    assert (told["charged_energy_wh"], told["reason"]) == (250.5, "Local")
    assert told["id_tag"]["id_token"]["value"] == "CAFE"
    assert told["session_start_time"] == "2023-11-14T22:13:21.000Z"
    assert told["transaction_end_time"] == "2023-11-14T22:13:23.000Z"


def test_sessions_are_limited_by_number_and_time(rig: Rig) -> None:
    rig.keep(*(SessionEvent(K.SESSION_STARTED, f"u{n}") for n in range(3)))
    assert [row["uuid"] for row in rig.ask("get_sessions", {"limit": 2})] == ["u2", "u1"]
    assert [row["uuid"] for row in rig.ask("get_sessions", {"since": "2023-11-14T22:13:23Z"})] == ["u2"]


def test_without_a_signing_meter_there_is_no_signed_value(rig: Rig) -> None:
    assert rig.ask("get_signed_meter_value") == "NOT_AVAILABLE"


def test_the_newest_signed_value_is_told_as_the_meter_gave_it_while_there_is_such_a_meter(rig: Rig) -> None:
    meter_signs = Queries(
        rig.store, rig.latest, rig.errors, lambda: 0.0, rig.checked.append, meter_signs=True
    )
    assert meter_signs.signed_meter_value(None) == "NOT_AVAILABLE"
    row = SignedTransaction("u1", SignedValue("OCMF|begin"), SignedValue('OCMF|{"RV":0.00}|{}'))
    rig.store.store("boot", [], synchronised=True, signed=[row])
    assert meter_signs.signed_meter_value(None) == 'OCMF|{"RV":0.00}|{}'
    assert rig.ask("get_signed_meter_value") == "NOT_AVAILABLE"


def test_the_api_describes_itself(rig: Rig) -> None:
    assert rig.ask("get_asyncapi")["asyncapi"] == "3.0.0"


def test_a_communication_check_is_passed_on(rig: Rig) -> None:
    rig.take("communication_check", True)
    rig.take("communication_check", False)
    assert rig.checked == [True, False]


def test_without_iso_15118_nothing_comes_of_its_requests(rig: Rig) -> None:
    assert rig.ask("update_allowed_energy_transfer_modes", ["DC"]) == "NoHlc"
    rig.take("set_plug_and_charge_configuration", {"pnc_enabled": True})
    rig.take("set_get_certificate_response", {"status": "Failed", "certificate_action": "Install"})
