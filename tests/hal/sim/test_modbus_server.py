import os
import select

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.meter_model import blocks_of, decode, load_meter_model, reading_of
from hal.sim.modbus_server import PtyMeterServer, answer, crc16, register_image, with_crc
from hal.sim.pty_line import CHUNK, PtyLine, SlaveLine
from tests.hal.meter_bench import READING

SDM630 = load_meter_model("eastron_sdm630")
REQUEST = bytes.fromhex("010400000002 71cb")
REPLY = with_crc(bytes.fromhex("010404 43660000"))

BAUD = 9600
CHAR_S = 11 / BAUD
SILENCE_S = 3.5 * CHAR_S


def hold_230_v(function, address, count):
    return [0x4366, 0x0000] if (function, address, count) == (4, 0, 2) else None


def upper(frame):
    return frame.upper()


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"123456789", 0x4B37),  # check value of CRC-16/MODBUS
        (b"", 0xFFFF),
        (bytes.fromhex("010400000002"), 0xCB71),
        (bytes.fromhex("1103006b0003"), 0x8776),
    ],
)
def test_the_crc_agrees_with_known_vectors(data, crc):
    assert crc16(data) == crc


def test_a_read_is_answered_with_the_registers():
    assert answer(REQUEST, 1, hold_230_v) == REPLY


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x01",
        REQUEST[:-1],
        REQUEST[:-1] + b"\xcc",
        REQUEST[1:],
        b"\x00" + REQUEST,
        with_crc(b"\x02" + REQUEST[1:-2]),
        with_crc(b"\x00" + REQUEST[1:-2]),
        with_crc(b""),
    ],
)
def test_noise_and_frames_to_other_units_get_no_answer(frame):
    assert answer(frame, 1, hold_230_v) is None


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        ("010600000002", "018601"),  # write: illegal function
        ("010400010002", "018402"),  # no such register: illegal data address
        ("010300000002", "018302"),
        ("010400000000", "018403"),  # no register: illegal data value
        ("01040000007e", "018403"),  # 126 registers
        ("0104000000", "018403"),
    ],
)
def test_what_cannot_be_answered_gets_the_exception_of_the_standard(body, reply):
    assert answer(with_crc(bytes.fromhex(body)), 1, hold_230_v) == with_crc(bytes.fromhex(reply))


@given(st.binary(max_size=12))
def test_no_frame_whatever_breaks_the_server(body):
    for frame in (body, with_crc(body), with_crc(b"\x01\x04" + body)):
        reply = answer(frame, 1, hold_230_v)
        assert reply is None or reply == with_crc(reply[:-2])


def test_the_image_of_a_reading_reads_back_as_that_reading():
    image = register_image(SDM630, READING)
    words = {}
    for block in blocks_of(SDM630):
        words.update(enumerate(image(SDM630.function, block.address, block.count), block.address))
    serial_number = decode(image(3, 0xFC00, 2), "u32", "big")
    assert reading_of(SDM630, words, READING.at_s, str(serial_number)) == READING


@pytest.mark.parametrize(
    ("function", "address", "count"),
    [(3, 0, 2), (4, 0x0011, 2), (4, 0x0033, 1), (4, 0xFC00, 2), (4, 0x0200, 1)],
)
def test_registers_that_the_model_does_not_name_do_not_exist(function, address, count):
    assert register_image(SDM630, READING)(function, address, count) is None


def test_a_meter_without_serial_number_has_no_such_registers():
    image = register_image(SDM630, msgspec.structs.replace(READING, meter_id=""))
    assert image(3, 0xFC00, 2) is None
    assert image(4, 0, 2) is not None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"frequency_hz": None}, "shows frequency_hz, but the reading has none"),
        ({"voltage_v": (230.0,)}, "shows voltage_v L2, but the reading has none"),
        ({"meter_id": "EVSE-1"}, "serial number as u32, not as text: 'EVSE-1'"),
        ({"power_w": 1e39}, r"1e\+39 does not fit into f32"),
    ],
)
def test_a_reading_that_the_model_cannot_show_is_refused(change, told):
    with pytest.raises(ValueError, match=told):
        register_image(SDM630, msgspec.structs.replace(READING, **change))


def crossing_times(line, until_s, step_s=CHAR_S / 10):
    """(time, bytes said) with the clock moved in small steps from 0."""
    said = ((step * step_s, line.say(step * step_s)) for step in range(int(until_s / step_s) + 1))
    return [(at_s, chunk) for at_s, chunk in said if chunk]


def test_a_reply_takes_the_time_of_its_bytes_on_the_wire():
    line = SlaveLine(upper, BAUD)
    line.hear(b"request!", 0.0)
    times = crossing_times(line, 0.1)
    assert b"".join(chunk for _, chunk in times) == b"REQUEST!"
    assert times[0][0] >= 8 * CHAR_S + 0.005 + CHAR_S
    assert 16 * CHAR_S + 0.005 <= times[-1][0] <= 16 * CHAR_S + 0.005 + CHAR_S


def test_following_the_deadlines_hands_over_the_reply_in_chunks():
    line = SlaveLine(lambda frame: bytes(2 * CHUNK + 1), BAUD)
    line.hear(b"12345678", 100.0)
    chunks = []
    while (deadline_s := line.deadline_s()) is not None:
        chunks.append((deadline_s, len(line.say(deadline_s))))
    assert [count for _, count in chunks] == [0, CHUNK, CHUNK, 1]
    assert chunks[0][0] == pytest.approx(100.0 + 8 * CHAR_S + SILENCE_S)
    assert chunks[-1][0] == pytest.approx(100.0 + (8 + 2 * CHUNK + 1) * CHAR_S + 0.005)


def test_a_frame_split_within_the_silence_is_one_frame():
    frames = []
    line = SlaveLine(frames.append, BAUD)
    line.hear(b"half", 0.0)
    line.hear(b"rest", 4 * CHAR_S + 0.9 * SILENCE_S)
    line.say(1.0)
    assert frames == [b"halfrest"]


def test_half_a_frame_is_dropped_after_the_silence_and_the_next_one_is_whole():
    frames = []
    line = SlaveLine(frames.append, BAUD)
    line.hear(b"half", 0.0)
    line.hear(b"whole", 4 * CHAR_S + 1.1 * SILENCE_S)
    line.say(1.0)
    assert frames == [b"half", b"whole"]


def test_what_is_put_on_the_line_while_the_slave_talks_is_lost():
    line = SlaveLine(upper, BAUD)
    line.hear(b"first", 0.0)
    line.say(5 * CHAR_S + SILENCE_S)
    line.hear(b"second", 5 * CHAR_S + 0.005 + 2 * CHAR_S)
    assert b"".join(chunk for _, chunk in crossing_times(line, 0.2)) == b"FIRST"
    assert line.deadline_s() is None


def test_bytes_written_at_once_arrive_one_after_the_other():
    line = SlaveLine(upper, BAUD)
    line.hear(b"12345678", 0.0)
    line.hear(b"12345678", 0.0)
    assert line.deadline_s() == pytest.approx(16 * CHAR_S + SILENCE_S)


def test_a_line_without_an_answer_rests():
    line = SlaveLine(lambda frame: None, BAUD)
    line.hear(b"frame", 0.0)
    assert line.say(1.0) == b""
    assert line.deadline_s() is None


def test_above_19200_baud_the_silence_stays_1750_us():
    line = SlaveLine(upper, 115200)
    line.hear(b"x", 0.0)
    assert line.deadline_s() == pytest.approx(11 / 115200 + 0.00175)


@pytest.fixture
def client(tmp_path):
    """Opens the client end of the line at the path that tests use."""
    opened = []

    def open_client():
        opened.append(os.open(tmp_path / "meter", os.O_RDWR | os.O_NOCTTY))
        return opened[-1]

    yield open_client
    for fd in opened:
        os.close(fd)


def ask(line, client_fd, request, now_s):
    """Puts a request on the pty and tells the line; the kernel hands bytes over a moment later."""
    os.write(client_fd, request)
    assert select.select([line], [], [], 5.0)[0]
    line.on_readable(now_s)


def read_exactly(fd, count):
    data = b""
    while len(data) < count and select.select([fd], [], [], 5.0)[0]:
        data += os.read(fd, 1000)
    return data


def test_the_meter_answers_at_the_stable_path_on_a_clock_that_the_owner_moves(tmp_path, client):
    server = PtyMeterServer(tmp_path / "meter", hold_230_v, 1, BAUD)
    fd = client()
    ask(server, fd, REQUEST, 0.0)
    deadline_s = 0.0
    while deadline_s is not None:
        last_s, deadline_s = deadline_s, server.on_timer(deadline_s)
    assert read_exactly(fd, len(REPLY)) == REPLY
    assert last_s == pytest.approx((len(REQUEST) + len(REPLY)) * CHAR_S + 0.005)
    server.close()


def test_a_silent_meter_answers_nothing_until_it_speaks_again(tmp_path, client):
    server = PtyMeterServer(tmp_path / "meter", hold_230_v, 1, BAUD)
    fd = client()
    end_of_request_s = len(REQUEST) * CHAR_S + 1.01 * SILENCE_S
    server.silent = True
    ask(server, fd, REQUEST, 0.0)
    assert server.on_timer(end_of_request_s) is None
    server.silent = False
    ask(server, fd, REQUEST, 1.0)
    assert server.on_timer(1.0 + end_of_request_s) is not None
    assert server.on_timer(2.0) is None
    assert read_exactly(fd, len(REPLY)) == REPLY
    server.close()


def test_a_wake_up_without_bytes_does_no_harm(tmp_path):
    line = PtyLine(tmp_path / "meter", upper, BAUD)
    line.on_readable(0.0)
    assert line.on_timer(0.0) is None
    line.close()


def test_a_client_that_never_reads_does_not_hold_up_the_loop(tmp_path, client):
    line = PtyLine(tmp_path / "meter", lambda frame: bytes(4000), BAUD)
    fd = client()
    for second in range(0, 100, 10):
        ask(line, fd, b"x", float(second))
        assert line.on_timer(second + 9.0) is None
    line.close()


def test_the_path_is_replaced_by_the_next_line_and_taken_away_by_the_last(tmp_path):
    path = tmp_path / "meter"
    first = PtyLine(path, upper, BAUD)
    old_name = os.readlink(path)
    second = PtyLine(path, upper, BAUD)
    assert os.readlink(path) != old_name
    first.close()
    assert path.is_symlink()
    second.close()
    second.close()
    assert list(tmp_path.iterdir()) == []
