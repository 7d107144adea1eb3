"""The published example of a Bauer BSM-WS36A (chargeITmobility bsm-python): data/ocmf_example.json."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal import ocmf
from hal.errors import DeviceFailed
from hal.types import SignedStart
from tests.hal.ecdsa import CURVES, P192, P256, der_integers, key_of_der, public_point, sign, verifies

EXAMPLE = json.loads((Path(__file__).parent / "data" / "ocmf_example.json").read_text())
KEY = EXAMPLE["public_key_der_hex"]
RECORDS = EXAMPLE["records"]
SECRET = 0x1234567890ABCDEF

START = SignedStart(
    evse_id="DE*PNX*E1*1",
    transaction_id="0000-1111",
    identification_type="ISO14443",
    identification_data="04A1B2",
    tariff_text="0.49 EUR/kWh",
)


def signature_holds(text, key_hex):
    _, payload, signature = text.split("|")
    signer = json.loads(signature)
    curve = CURVES[signer.get("SA", "ECDSA-secp256r1-SHA256")]
    key = key_of_der(curve, bytes.fromhex(key_hex))
    return verifies(curve, key, payload.encode(), bytes.fromhex(signer["SD"]))


@pytest.mark.parametrize("record", RECORDS, ids=["start", "end"])
def test_the_published_records_verify_after_they_went_through_us(record):
    value = ocmf.signed_value(record.encode(), KEY)
    assert value.data.encode() == record.encode()
    assert (value.signing_method, value.encoding_method) == ("ECDSA-secp256r1-SHA256", "OCMF")
    assert value.public_key == ocmf.key_of_der(bytes.fromhex(KEY)) == KEY
    assert signature_holds(value.data, value.public_key)


@pytest.mark.parametrize("at", [10, 200, 461])
def test_the_published_records_fail_after_one_changed_character(at):
    record = RECORDS[0]
    _, payload, _ = record.split("|")
    changed = payload[:at] + chr(ord(payload[at]) ^ 1) + payload[at + 1 :]
    assert not signature_holds(record.replace(payload, changed), KEY)


def test_the_published_records_fail_after_the_payload_was_read_and_written_anew():
    _, payload, _ = RECORDS[0].split("|")
    anew = json.dumps(json.loads(payload), separators=(",", ":"))
    assert json.loads(anew) == json.loads(payload)
    assert not signature_holds(RECORDS[0].replace(payload, anew), KEY)


@pytest.mark.parametrize("curve", [P256, P192], ids=["P-256", "P-192"])
def test_the_check_itself_accepts_what_is_signed_and_nothing_else(curve):
    point = public_point(curve, SECRET)
    key = int.from_bytes(point[: curve.size], "big"), int.from_bytes(point[curve.size :], "big")
    signature = sign(curve, SECRET, b"message")
    assert verifies(curve, key, b"message", signature)
    assert not verifies(curve, key, b"massage", signature)
    assert not verifies(curve, curve.g, b"message", signature)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"OCMF",
        b"OCMF|{}|{}",
        b'OCMF|{"RD":[]}|{"SD":"30"}',
        b'OCMF|{"RD":[{}]}|{"SD":""}',
        b'OCMF|{"RD":[{}]}|{}|',
        b'OCMR|{"RD":[{}]}|{"SD":"30"}',
        b'OCMF|{"RD":[{}]|{"SD":"30"}',
        b'OCMF|[]|{"SD":"30"}',
        b'OCMF|{"RD":[{}], "ID":"\xff"}|{"SD":"30"}',
        RECORDS[0].encode()[:-1],
    ],
)
def test_what_is_no_signed_record_is_refused(record):
    with pytest.raises(DeviceFailed, match="garbage: the record"):
        ocmf.signed_value(record, "")


def test_without_a_method_the_standards_default_is_named():
    assert ocmf.signed_value(b'OCMF|{"RD":[{}]}|{"SD":"30"}', "").signing_method == "ECDSA-secp256r1-SHA256"


@given(st.integers(1, P256.n - 1), st.integers(1, P256.n - 1), st.integers(0, 3))
def test_leading_zeros_are_taken_off_a_signature_and_nothing_else(r, s, zeros):
    body = b"".join(
        b"\x02" + bytes((len(i),)) + i
        for i in (bytes(zeros) + n.to_bytes(n.bit_length() // 8 + 1, "big") for n in (r, s))
    )
    assert der_integers(ocmf.strict_der(b"\x30" + bytes((len(body),)) + body)) == (r, s)


@given(st.binary(max_size=20))
def test_what_is_no_signature_is_refused_as_such(der):
    with suppress(DeviceFailed):  # any other exception is a fault
        der_integers(ocmf.strict_der(der))


def test_a_good_signature_is_left_alone():
    signature = sign(P256, SECRET, b"message")
    assert ocmf.strict_der(signature) == signature


def test_a_key_told_as_x_and_y_gets_the_form_that_verifiers_want():
    point = public_point(P256, SECRET)
    der = bytes.fromhex(ocmf.key_of_point(point))
    assert len(der) == 91
    assert key_of_der(P256, der) == (int.from_bytes(point[:32], "big"), int.from_bytes(point[32:], "big"))


@pytest.mark.parametrize("point", [bytes(64), b"\x01" * 63])
def test_a_key_that_is_no_point_is_refused(point):
    with pytest.raises(DeviceFailed, match="no point of P-256"):
        ocmf.key_of_point(point)


@pytest.mark.parametrize("der", [b"", bytes(91), bytes.fromhex(KEY)[:-1]])
def test_a_key_that_is_no_der_is_refused(der):
    with pytest.raises(DeviceFailed, match="no DER sequence"):
        ocmf.key_of_der(der)


def test_the_heading_names_user_transaction_tariff_and_charge_point():
    heading = json.loads(ocmf.heading(START))
    assert heading["ID"] == "04A1B2 0000-1111 0.49 EUR/kWh"
    assert (heading["IS"], heading["IT"]) == (True, "ISO14443")
    assert (heading["CT"], heading["CI"]) == ("EVSEID", "DE*PNX*E1*1")
    assert heading["RD"] == []


def test_the_heading_of_a_record_that_nobody_remembers_claims_no_user():
    heading = json.loads(ocmf.heading(None))
    assert (heading["IS"], heading["IT"], heading["ID"]) == (False, "NONE", "")


def test_characters_that_would_break_a_record_become_blanks():
    assert ocmf.clean('a|b"c\\d\ne') == "a b c d e"


def test_a_text_is_cut_between_two_characters():
    assert ocmf.shortened("aää", 4) == "aä".encode()
    assert ocmf.shortened("abc", 4) == b"abc"
