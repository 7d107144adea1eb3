"""Signed metering in a whole evsed: real processes, a real broker, the simulated meter on its Modbus line."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hal.drivers.modbus_line import MAX_READ_N, ModbusLine
from hal.meter_model import MeterModel, load_meter_model
from hal.meter_signing import Field, RecordSigning, SnapshotSigning
from tests.hal.ecdsa import P256, key_of_der, verifies
from tests.system.bench import Broker, eventually
from tests.system.evse_process import PLUG_AND_CHARGE, Evse

BAUER, ISKRA = "bauer_bsm_ws36a", "iskra_wm3m4c"
STOPPED = ("StoppingCharging", "ChargingFinished", "TransactionFinished")
START_FAILED = "evse_manager/PowermeterTransactionStartFailed"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


def finished(evse: Evse) -> Any:
    """The details of TransactionFinished, which ends what runs."""
    evse.modify("unplug")
    return evse.expect(*STOPPED, "SessionFinished")[2]["transaction_finished"]


def holds(value: dict[str, str], key_hex: str) -> bool:
    _, payload, signature = value["signed_meter_data"].split("|")
    key = key_of_der(P256, bytes.fromhex(key_hex))
    return verifies(P256, key, payload.encode(), bytes.fromhex(json.loads(signature)["SD"]))


def in_the_meter(evse: Evse, model: MeterModel, read: Callable[[ModbusLine], bytes]) -> bytes:
    """What the meter holds, read past evsed once that has gone; the world lives on."""
    assert evse.stop() == 0
    with closing(ModbusLine(evse.run_dir / "meter", model.serial)) as line:
        return read(line)


def bytes_of(line: ModbusLine, model: MeterModel, field: Field, size: int) -> bytes:
    words: list[int] = []
    while 2 * len(words) < size:
        count = min(MAX_READ_N, (size + 1) // 2 - len(words))
        words += line.read(model.serial.device_id, 3, field.address + len(words), count)
    return b"".join(word.to_bytes(2, "big") for word in words)[:size]


def test_a_record_meter_signs_once_and_its_bytes_reach_the_client(broker: Broker) -> None:
    model = load_meter_model(ISKRA)
    signing = model.signing
    assert isinstance(signing, RecordSigning)
    with Evse(broker, f"meter.model={ISKRA}", "meter.poll_s=0.2") as evse:
        evse.expect("Enabled")
        assert evse.request("get_signed_meter_value") == "NOT_AVAILABLE"
        key = eventually(lambda: evse.value("powermeter_public_key_ocmf"), "the meter's key")
        evse.charge()
        details = finished(evse)
        assert "start_signed_meter_value" not in details
        value = details["signed_meter_value"]
        assert value["public_key"] == key
        assert holds(value, key)
        assert evse.request("get_signed_meter_value") == value["signed_meter_data"]
        assert evse.request("get_sessions")[0]["signed_meter_value"] == value

        def payload(line: ModbusLine) -> bytes:
            (size,) = line.read(model.serial.device_id, 3, signing.payload_length, 1)
            return bytes_of(line, model, signing.payload, size)

        _, told, _ = value["signed_meter_data"].split("|")
        assert in_the_meter(evse, model, payload) == told.encode()
        assert json.loads(told)["IT"] == "ISO14443"
        assert json.loads(told)["ID"].startswith("04A2B3C4 ")


def test_a_snapshot_meter_signs_both_ends(broker: Broker) -> None:
    model = load_meter_model(BAUER)
    signing = model.signing
    assert isinstance(signing, SnapshotSigning)
    with Evse(broker, f"meter.model={BAUER}", "meter.poll_s=0.2") as evse:
        evse.expect("Enabled")
        key = eventually(lambda: evse.value("powermeter_public_key_ocmf"), "the meter's key")
        evse.charge()
        started = evse.session_events()[-3]["transaction_started"]
        details = finished(evse)
        start, end = details["start_signed_meter_value"], details["signed_meter_value"]
        assert started["signed_meter_value"] == start
        assert holds(start, key)
        assert holds(end, key)
        assert [json.loads(v["signed_meter_data"].split("|")[1])["RD"][0]["TX"] for v in (start, end)] == [
            "B",
            "E",
        ]
        assert evse.request("get_signed_meter_value") == end["signed_meter_data"]

        def texts(line: ModbusLine) -> bytes:
            fields = (signing.start.ocmf, signing.end.ocmf)
            return b"\n".join(bytes_of(line, model, f, 2 * f.count).rstrip(b"\0") for f in fields)

        told = f"{start['signed_meter_data']}\n{end['signed_meter_data']}"
        assert in_the_meter(evse, model, texts) == told.encode()


def test_a_meter_that_is_silent_at_the_start_lets_no_power_flow(broker: Broker) -> None:
    with Evse(broker, f"meter.model={ISKRA}", "meter.poll_s=0.2") as evse:
        evse.expect("Enabled")
        evse.play(PLUG_AND_CHARGE)
        evse.expect("SessionStarted", "AuthRequired")
        evse.modify("meter_silent 1;sleep 60")
        evse.authorize()
        *_, over = evse.expect("Authorized", "TransactionStarted", "PrepareCharging", *STOPPED)
        assert over["transaction_finished"]["reason"] == "Other"
        assert "signed_meter_value" not in over["transaction_finished"]
        error = eventually(lambda: evse.value("error_raised"), "the error")
        assert (error["type"], error["severity"]) == (START_FAILED, "Medium")
        assert evse.request("get_active_errors") == [error]
        evse.modify("unplug")
        evse.expect("SessionFinished")
        cleared = eventually(lambda: evse.value("error_cleared"), "its end")
        assert cleared["uuid"] == error["uuid"]
        assert True not in [entry.value for entry in evse.line("contactor")]


@pytest.mark.parametrize("model", [ISKRA, BAUER])
def test_a_record_outlives_the_gateway(broker: Broker, model: str) -> None:
    with Evse(broker, f"meter.model={model}", "meter.poll_s=0.2") as evse:
        evse.expect("Enabled")
        evse.charge()
        start = evse.session_events()[-3]["transaction_started"].get("signed_meter_value")
        evse.kill("gateway")
        details = finished(evse)
        assert details.get("start_signed_meter_value") == start
        assert holds(details["signed_meter_value"], details["signed_meter_value"]["public_key"])


# Lets the store take everything but the end of a transaction.
REFUSE_THE_END = """CREATE TRIGGER refuse_the_end BEFORE INSERT ON event WHEN NEW.kind = 'TransactionFinished'
    BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"""


def execute(evse: Evse, sql: str) -> None:
    with closing(sqlite3.connect(evse.store_path, timeout=5.0)) as db, db:
        db.execute(sql)


@pytest.mark.parametrize("dies", [("gateway",), ("gateway", "control")])
def test_a_record_that_the_dead_gateway_had_ended_reaches_its_transaction(
    broker: Broker, dies: tuple[str, ...]
) -> None:
    """Killed when the meter has signed and the store has not yet committed."""
    with Evse(broker, f"meter.model={ISKRA}", "meter.poll_s=0.2") as evse:
        evse.expect("Enabled")
        evse.charge()
        first = finished(evse)["signed_meter_value"]
        evse.charge()
        uuid = evse.session_events()[-1]["uuid"]
        execute(evse, REFUSE_THE_END)
        evse.modify("unplug")
        eventually(lambda: "the disk is full" in evse.log, "the meter has signed, the store refuses")
        for name in dies:
            evse.kill(name)
        execute(evse, "DROP TRIGGER refuse_the_end")
        details = eventually(lambda: ended(evse, uuid), "the end of the transaction")
        value = details["signed_meter_value"]
        assert value != first
        assert holds(value, value["public_key"])
        assert json.loads(value["signed_meter_data"].split("|")[1])["ID"].endswith(f" {uuid}")
        records = [session.get("signed_meter_value") for session in evse.request("get_sessions")]
        assert records == [value, first]


def ended(evse: Evse, uuid: str) -> Any:
    """The details of this transaction's end, which is told once."""
    told = [e for e in evse.session_events() if e["event"] == "TransactionFinished" and e["uuid"] == uuid]
    assert len({(e["boot_id"], e["sequence"]) for e in told}) <= 1
    return told[0]["transaction_finished"] if told else None


def test_a_planned_stop_ends_the_record_too(broker: Broker) -> None:
    with Evse(broker, f"meter.model={ISKRA}", "meter.poll_s=0.2") as evse:
        evse.expect("Enabled")
        evse.charge()
        assert evse.stop() == 0
        *_, over = evse.expect(*STOPPED)
        assert over["transaction_finished"]["reason"] == "Reboot"
        value = over["transaction_finished"]["signed_meter_value"]
        assert holds(value, value["public_key"])


@pytest.mark.parametrize("model", [ISKRA, BAUER])
def test_what_is_left_over_after_a_power_loss_carries_its_signature(broker: Broker, model: str) -> None:
    with Evse(broker, f"meter.model={model}", "meter.poll_s=0.2") as evse:
        evse.expect("Enabled")
        evse.charge()
        evse.kill("control")
        _, over, _ = evse.expect("SessionResumed", "TransactionFinished", "SessionFinished")
        details = over["transaction_finished"]
        assert details["reason"] == "PowerLoss"
        assert holds(details["signed_meter_value"], details["signed_meter_value"]["public_key"])
