"""Signed meters: the records leave as the meter made them, and verify with the key that the meter tells."""

import itertools
import json

import msgspec
import pytest

from hal.drivers.meter_modbus import ModbusMeter
from hal.drivers.meter_signed import RecordMeter, SnapshotMeter, WallTime, open_meter
from hal.errors import DeviceFailed
from hal.meter_model import load_meter_model
from hal.sim.modbus_server import PtyMeterServer, answer
from hal.sim.pty_line import PtyLine
from hal.sim.signed_meter import SimRecordMeter, SimSnapshotMeter
from hal.types import Missing
from tests.hal.ecdsa import P256, public_point, sign
from tests.hal.meter_bench import FAST_BAUD, READING, served
from tests.hal.test_ocmf import KEY, RECORDS, SECRET, START, signature_holds

BAUER = load_meter_model("bauer_bsm_ws36a")
ISKRA = load_meter_model("iskra_wm3m4c")
SIGNED_READING = msgspec.structs.replace(READING, voltage_v=(230.5, 229.0, 231.0), meter_id="001BZR15")
NOON = WallTime(unix_s=1_700_000_000, east_min=60)


def published(mark, identification):
    return RECORDS["BE".index(mark)].encode()


class Bench:
    """A clock that moves with every look and every sleep, and the time of day."""

    def __init__(self):
        self.ticks = itertools.count()
        self.slept_s, self.stride = 0.0, 1
        self.wall = NOON

    def now_s(self):
        return next(self.ticks) * 0.001 + self.slept_s

    def sleep(self, seconds):
        self.slept_s += seconds * self.stride

    def open(self, kind, model, path):
        signing, wall = model.signing, lambda: self.wall
        return kind(
            signing, model, path, wall, baudrate=FAST_BAUD, now_s=self.now_s, sleep=self.sleep,
            answer_timeout_s=0.05,
        )  # fmt: skip


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def bauer():
    return SimSnapshotMeter(BAUER, SIGNED_READING, bytes.fromhex(KEY), published)


@pytest.fixture
def iskra():
    return SimRecordMeter(ISKRA, SIGNED_READING, public_point(P256, SECRET), lambda p: sign(P256, SECRET, p))


@pytest.fixture
def snapshots(bench, bauer, tmp_path):
    yield from opened(bench, bauer, BAUER, SnapshotMeter, tmp_path / "meter")


@pytest.fixture
def record(bench, iskra, tmp_path):
    yield from opened(bench, iskra, ISKRA, RecordMeter, tmp_path / "meter")


def opened(bench, sim, model, kind, path):
    driver = bench.open(kind, model, path)
    with served(PtyMeterServer(path, sim.registers, model.serial.device_id, FAST_BAUD, sim.write)):
        yield driver
        driver.close()


def text_at(sim, field):
    words = [sim.holding[at] for at in range(field.address, field.address + field.count)]
    return b"".join(word.to_bytes(2, "big") for word in words).rstrip(b"\x00").decode()


def test_bauer_gives_the_records_byte_for_byte_and_they_verify_with_its_key(snapshots):
    start, end = snapshots.start(START), snapshots.stop(START.transaction_id)
    assert [start.data, end.data] == RECORDS
    assert start.public_key == end.public_key == snapshots.public_key() == KEY
    assert signature_holds(start.data, KEY)
    assert signature_holds(end.data, KEY)


def test_bauer_is_told_the_time_the_user_and_the_charge_point_before_the_snapshot(snapshots, bauer):
    snapshots.start(START)
    signing = BAUER.signing
    assert text_at(bauer, signing.identification) == "04A1B2 0000-1111 0.49 EUR/kWh"
    assert text_at(bauer, signing.evse_id) == "DE*PNX*E1*1"
    assert [bauer.holding[signing.time + i] for i in range(3)] == [
        NOON.unix_s >> 16,
        NOON.unix_s & 0xFFFF,
        60,
    ]
    assert bauer.written[0] == signing.time
    assert bauer.written[-1] == signing.start.status


def test_bauers_clock_is_written_once_a_day_unless_it_is_wrong(snapshots, bauer, bench):
    for _ in range(2):
        snapshots.stop(START.transaction_id)
    assert bauer.written.count(BAUER.signing.time) == 1
    bench.slept_s += 25 * 3600
    snapshots.stop(START.transaction_id)
    assert bauer.written.count(BAUER.signing.time) == 2
    bench.wall = WallTime(NOON.unix_s + 6, 60)
    snapshots.stop(START.transaction_id)
    assert bauer.written.count(BAUER.signing.time) == 3


def test_a_clock_that_is_not_synchronised_sets_no_meter(snapshots, bauer, bench):
    bench.wall = None
    snapshots.start(START)
    assert BAUER.signing.time not in bauer.written


@pytest.mark.parametrize(("outcome", "reason"), [(5, "feedback"), (3, "unspecified"), (9, "unknown")])
def test_a_snapshot_that_fails_raises_with_the_reason(snapshots, bauer, outcome, reason):
    bauer.outcome = outcome
    with pytest.raises(
        DeviceFailed, match=f"exception {outcome}: the signed start snapshot failed: .*{reason}"
    ):
        snapshots.start(START)


def test_a_snapshot_that_never_ends_raises_after_15_s(snapshots, bauer, bench):
    bauer._busy = 10_000
    bench.stride = 10  # each sleep lasts ten times as long
    with pytest.raises(DeviceFailed, match=r"timeout: the signed end snapshot took longer than 15 s"):
        snapshots.stop(START.transaction_id)
    assert 14 <= bench.slept_s <= 16


def test_a_text_that_is_no_record_raises(snapshots, bauer):
    bauer._record = lambda mark, identification: b"OCMF|{}"
    with pytest.raises(DeviceFailed, match="garbage: the record is no OCMF"):
        snapshots.stop(START.transaction_id)


def test_iskra_signs_once_at_the_end_and_the_record_verifies_with_its_key(record):
    assert record.start(START) is None
    value = record.stop(START.transaction_id)
    assert signature_holds(value.data, value.public_key)
    assert value.public_key == record.public_key()
    payload = json.loads(value.data.split("|")[1])
    assert (payload["IT"], payload["CI"]) == ("ISO14443", "DE*PNX*E1*1")
    assert [reading["TX"] for reading in payload["RD"]] == ["B", "E"]


def test_iskras_payload_leaves_byte_for_byte(record, iskra):
    record.start(START)
    value = record.stop(START.transaction_id)
    field, size = ISKRA.signing.payload, iskra.holding[ISKRA.signing.payload_length]
    assert value.data.split("|")[1] == text_at(iskra, field)[:size]
    assert "0.00" in value.data


def test_iskra_is_told_time_and_user_again_after_a_power_failure(record, iskra):
    record.start(START)
    iskra.fail_power()
    assert json.loads(record.stop(START.transaction_id).data.split("|")[1])["ID"].startswith("04A1B2")


def test_a_record_that_another_process_began_is_ended_without_its_user(bench, iskra, record, tmp_path):
    record.start(START)
    record.close()
    iskra.fail_power()
    heir = bench.open(RecordMeter, ISKRA, tmp_path / "meter")
    ended = heir.stop(START.transaction_id)
    payload = json.loads(ended.data.split("|")[1])
    assert (payload["IS"], payload["ID"]) == (False, START.transaction_id)
    heir.close()
    heir = bench.open(RecordMeter, ISKRA, tmp_path / "meter")
    assert heir.stop(START.transaction_id) == ended
    heir.close()


def test_a_record_that_another_process_ended_is_fetched_byte_for_byte(bench, iskra, record, tmp_path):
    record.start(START)
    ended = record.stop(START.transaction_id)
    record.close()
    heir = bench.open(RecordMeter, ISKRA, tmp_path / "meter")
    iskra.written.clear()
    assert heir.stop(START.transaction_id) == ended
    assert iskra.written == []
    heir.close()


def test_the_record_of_another_transaction_is_not_taken_for_this_one(record):
    record.start(START)
    record.stop(START.transaction_id)
    for other in ("another", START.transaction_id[:-1], ""):
        with pytest.raises(DeviceFailed, match="no open record, and the last one is of another transaction"):
            record.stop(other)


def test_a_record_that_is_still_being_signed_is_waited_for_and_one_that_failed_is_none(record, iskra, bench):
    record.start(START)
    ended = record.stop(START.transaction_id)
    status = ISKRA.signing.status
    iskra.holding[status] = 1
    with pytest.raises(DeviceFailed, match="timeout: the record that was ended before took longer than 15 s"):
        record.stop(START.transaction_id)
    iskra.holding[status] = 254
    with pytest.raises(DeviceFailed, match=r"exception 254: the record that was ended before .*signature"):
        record.stop(START.transaction_id)
    iskra.holding[status] = 15
    assert record.stop(START.transaction_id) == ended


def test_a_record_left_open_is_ended_before_the_next_begins(record, iskra):
    record.start(START)
    record.start(msgspec.structs.replace(START, identification_data="other"))
    assert json.loads(record.stop(START.transaction_id).data.split("|")[1])["ID"].startswith("other")


def test_iskra_without_a_clock_refuses_to_begin_and_says_why(record, bench):
    bench.wall = None
    with pytest.raises(
        DeviceFailed, match=r"exception 128: the start of the record failed: the meter's clock"
    ):
        record.start(START)


def test_ending_what_was_not_begun_raises(record):
    with pytest.raises(DeviceFailed, match="no open record, and it has signed none"):
        record.stop(START.transaction_id)


def test_a_command_whose_answer_is_lost_is_not_given_twice(bench, iskra, tmp_path):
    signing, lost = ISKRA.signing, []

    def lossy(frame):
        reply = answer(frame, 33, iskra.registers, iskra.write)
        if frame[1] == 6 and int.from_bytes(frame[2:4], "big") == signing.command:
            lost.append(frame)
            return None
        return reply

    meter = bench.open(RecordMeter, ISKRA, tmp_path / "meter")
    with served(PtyLine(tmp_path / "meter", lossy, FAST_BAUD)):
        meter.start(START)
        assert signature_holds(meter.stop(START.transaction_id).data, meter.public_key())
        meter.close()
    assert len(lost) == 2


def test_an_identification_that_does_not_fit_is_refused_before_the_meter_is_asked(record, iskra):
    with pytest.raises(DeviceFailed, match="bytes of identification, at most 1024"):
        record.start(msgspec.structs.replace(START, tariff_text="x" * 1100))
    assert ISKRA.signing.command not in iskra.written


@pytest.mark.parametrize("model", [BAUER, ISKRA], ids=lambda model: model.name)
def test_a_key_of_a_silent_meter_is_missing(bench, model, tmp_path):
    kind = SnapshotMeter if model is BAUER else RecordMeter
    key = bench.open(kind, model, tmp_path / "nowhere").public_key()
    assert isinstance(key, Missing)
    assert key.reason.startswith("port missing: ")


def test_a_signed_meter_is_read_as_any_other(snapshots):
    assert snapshots.read().energy_import_wh == READING.energy_import_wh


@pytest.mark.parametrize(
    ("name", "kind"),
    [("bauer_bsm_ws36a", SnapshotMeter), ("iskra_wm3m4c", RecordMeter), ("eastron_sdm630", ModbusMeter)],
)
def test_the_model_file_decides_how_a_meter_signs(name, kind):
    assert type(open_meter(load_meter_model(name), "/nowhere", lambda: None)) is kind
