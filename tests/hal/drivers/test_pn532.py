import errno

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hal.drivers.i2c_bus import I2cChip
from hal.drivers.pn532 import Pn532, answer_to, frame_of, uid_of
from hal.errors import DeviceFailed
from hal.types import Missing
from tests.hal.drivers.i2c_bench import FakeBus, FakeClock, Nack

ACK = bytes.fromhex("0000ff00ff00")
WHERE = "PN532 at 0x24 on /dev/i2c-1"


def sealed(body):
    """A frame by the user manual, 6.2.1.1, summed up by hand."""
    length_sum, body_sum = (256 - len(body)) % 256, (256 - sum(body) % 256) % 256
    return b"\x00\x00\xff" + bytes((len(body), length_sum)) + body + bytes((body_sum, 0))


class ReaderChip:
    """A PN532: acknowledges, takes its time, answers; every read begins with the ready byte.

    spoil changes each frame it sends; asleep is the number of writes that only wake it.
    """

    def __init__(self, clock):
        self.clock = clock
        self.card = None
        self.asleep = 0
        self.silent = False
        self.answers_after_s = 0.012
        self.spoil = lambda frame: frame
        self.ack = ACK
        self.version = b"\x32\x01\x06\x07"
        self.commands = []
        self.retries = 0xFF
        self.normal_mode = False
        self.aborted_n = 0
        self.queue = []

    def write(self, data):
        if self.asleep:
            self.asleep -= 1
            raise Nack
        if data == ACK:
            self.queue.clear()
            self.aborted_n += 1
            return
        assert data == sealed(data[5:-2]), "a frame the chip would not take"
        assert data[5] == 0xD4
        command = data[6:-2]
        self.commands.append(command)
        now_s = self.clock.now_s()
        self.queue = [] if self.silent else [(now_s + 0.001, self.ack)]
        answer = self._answer(command)
        if answer is not None and not self.silent:
            self.queue.append((now_s + self.answers_after_s, self.spoil(sealed(answer))))

    def read(self, count_n):
        if not self.queue or self.clock.now_s() < self.queue[0][0]:
            return bytes(count_n)
        ready = (b"\x01" + self.queue[0][1])[:count_n]
        if count_n > 1:
            self.queue.pop(0)
        return ready.ljust(count_n, b"\x00")

    def _answer(self, command):
        if command[0] == 0x02:
            return b"\xd5\x03" + self.version
        if command[0] == 0x14:
            self.normal_mode = command[1] == 1
            return b"\xd5\x15"
        if command[:2] == b"\x32\x05":
            self.retries = command[4]
            return b"\xd5\x33"
        assert command == b"\x4a\x01\x00"
        return self._found()

    def _found(self):
        if not self.normal_mode:
            return b"\x7f"
        if self.card is None:
            return b"\xd5\x4b\x00" if self.retries < 0xFF else None
        return b"\xd5\x4b\x01\x01\x00\x44\x00" + bytes((len(self.card),)) + self.card


class Bench:
    def __init__(self):
        self.clock = FakeClock()
        self.chip = ReaderChip(self.clock)
        self.bus = FakeBus(self.clock, x24=self.chip)
        self.reader = Pn532(I2cChip("PN532", "/dev/i2c-1", 0x24, self.bus), self.clock)

    def read(self):
        """One read, never longer than it may take; the wire of the last message comes on top."""
        started_s = self.clock.now_s()
        reading = self.reader.read()
        assert self.clock.now_s() - started_s <= 0.1 + 2 * 9 * 66 / 100_000
        return reading


@pytest.fixture
def bench():
    return Bench()


def test_frames_are_those_of_the_user_manual():
    assert frame_of(b"\x02").hex() == "0000ff02fed4022a00"
    assert frame_of(b"\x14\x01\x00\x01") == sealed(b"\xd4\x14\x01\x00\x01")


@given(st.binary(min_size=1, max_size=200))
def test_every_frame_has_both_sums_right(command):
    assert frame_of(command) == sealed(b"\xd4" + command)


def test_no_card_is_none_and_a_card_is_its_uid_in_upper_case(bench):
    assert bench.read() is None
    for uid in ("04A1B2C3", "04A2B3C4D5E6F7", "0102030405060708090A"):
        bench.chip.card = bytes.fromhex(uid)
        assert bench.read() == uid
    bench.chip.card = None
    assert bench.read() is None


def test_a_card_that_sends_more_than_its_uid_is_read_the_same(bench):
    assert uid_of(bytes.fromhex("01 01 0344 20 07 04a2b3c4d5e6f7 06 7577810280")) == "04A2B3C4D5E6F7"


def test_the_chip_is_set_up_once(bench):
    bench.read()
    bench.read()
    assert [command[0] for command in bench.chip.commands] == [0x02, 0x14, 0x32, 0x4A, 0x4A]
    assert bench.chip.normal_mode
    assert bench.chip.retries < 3


def test_a_sleeping_chip_is_woken(bench):
    bench.chip.asleep = 2
    assert bench.read() is None


def test_a_chip_that_does_not_wake_is_missing_since_then_and_set_up_when_it_is_back(bench):
    bench.read()
    bench.chip.asleep = 10**6
    first = bench.read()
    assert first == Missing(f"{WHERE} does not answer; check address, supply and wiring", first.since_s)
    bench.clock.at_s += 50.0
    assert bench.read() == first
    bench.chip.asleep = 0
    bench.chip.normal_mode = False
    bench.chip.card = b"\x01\x02\x03\x04"
    assert bench.read() == "01020304"
    bench.chip.asleep = 10**6
    assert bench.read().since_s > first.since_s + 50.0


def test_a_silent_chip_is_called_off_in_time(bench):
    bench.read()
    bench.chip.silent = True
    assert bench.read().reason == f"{WHERE}, command 0x4a: no answer in time"
    assert bench.chip.aborted_n == 1


def test_an_answer_that_takes_too_long_is_called_off_and_is_not_taken_for_the_next_one(bench):
    bench.read()
    bench.chip.card = b"\xaa\xbb\xcc\xdd"
    bench.chip.answers_after_s = 0.3
    assert bench.read().reason.endswith("no answer in time")
    bench.chip.answers_after_s = 0.012
    bench.chip.card = None
    assert bench.read() is None


def test_a_chip_slow_in_every_command_does_not_stretch_a_read(bench):
    bench.chip.answers_after_s = 0.06
    assert bench.read().reason.endswith("command 0x14: no answer in time")


def test_a_chip_deaf_while_busy_is_waited_for(bench):
    plain_read = bench.chip.read

    def read(count_n):
        if bench.clock.now_s() < bench.chip.queue[0][0]:
            raise Nack
        return plain_read(count_n)

    bench.chip.read = read
    bench.chip.card = b"\x01\x02\x03\x04"
    assert bench.read() == "01020304"


# fmt: off
BAD_FRAMES = [
    (lambda frame: frame[:-2] + bytes((frame[-2] ^ 1,)) + frame[-1:], "half a frame, or a wrong checksum"),
    (lambda frame: frame[:4] + bytes((frame[4] ^ 1,)) + frame[5:],    "wrong checksum of the frame's length"),
    (lambda frame: frame[:7],                                         "half a frame, or a wrong checksum"),
    (lambda frame: frame[:3],                                         "wrong checksum of the frame's length"),
    (lambda frame: b"\x00" * 20,                                      "no frame in 0000000000000000..."),
    (lambda frame: b"\xff" * 70,                                      "no frame in ffffffffffffffff..."),
    (lambda frame: sealed(b"\x7f"),                                   "the chip calls the command an error"),
    (lambda frame: sealed(b"\xd5\x4d\x00"),                           "answer to another question: d54d00"),
    (lambda frame: sealed(b"\xd4\x4b\x00"),                           "answer to another question: d44b00"),
    (lambda frame: ACK,                                               "wrong checksum of the frame's length"),
]
# fmt: on


@pytest.mark.parametrize(("spoil", "reason"), BAD_FRAMES)
def test_a_frame_that_is_not_right_is_missing_with_the_reason_and_the_next_one_counts(bench, spoil, reason):
    bench.read()
    bench.chip.card = b"\x01\x02\x03\x04"
    bench.chip.spoil = spoil
    assert bench.read().reason == f"{WHERE}, command 0x4a: {reason}"
    assert bench.chip.aborted_n == 1
    bench.chip.spoil = lambda frame: frame
    assert bench.read() == "01020304"


def test_a_command_that_is_not_acknowledged_is_missing(bench):
    bench.chip.ack = bytes.fromhex("0000ffff0000")
    assert bench.read().reason == f"{WHERE}, command 0x02: not acknowledged but 0000ffff0000"


@pytest.mark.parametrize("version", [b"\x33\x01\x06\x07", b""])
def test_another_chip_at_the_address_is_told(bench, version):
    bench.chip.version = version
    assert bench.read().reason == f"{WHERE} is no PN532: its version is {version.hex() or 'empty'}"


@pytest.mark.parametrize("answer", ["", "01", "0101004400", "010100440003aabbcc", "010100440007aabbcc"])
def test_an_answer_that_makes_no_card_is_refused(answer):
    with pytest.raises(DeviceFailed, match="no card can be made of"):
        uid_of(bytes.fromhex(answer))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.ENODEV, "PN532 at 0x24: /dev/i2c-1 went away during a transfer"),
        (errno.EIO, f"{WHERE}: transfer failed: Input/output error; check SDA, SCL"),
    ],
)
def test_trouble_on_the_bus_is_missing(bench, code, reason):
    bench.read()
    bench.bus.error = code
    assert bench.read().reason.startswith(reason)
    bench.bus.error = None
    assert bench.read() is None


def test_a_bus_that_vanishes_between_command_and_answer_is_missing(bench):
    bench.read()
    plain_write = bench.chip.write

    def write(data):
        plain_write(data)
        bench.bus.error = errno.ENODEV

    bench.chip.write = write
    assert bench.read().reason == "PN532 at 0x24: /dev/i2c-1 went away during a transfer"


def test_a_closed_reader_lets_go_of_the_bus_and_can_be_read_again(bench):
    bench.read()
    bench.reader.close()
    bench.reader.close()
    assert bench.bus.closed_n == 1
    assert bench.read() is None
    assert [command[0] for command in bench.chip.commands[4:]] == [0x02, 0x14, 0x32, 0x4A]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=70), st.booleans())
def test_no_bytes_whatever_make_read_raise(noise, whole):
    bench = Bench()
    bench.chip.spoil = lambda frame: sealed(noise[:60] or b"\x00") if whole else noise
    assert isinstance(bench.read(), Missing)


@given(st.binary(max_size=70))
def test_only_a_right_frame_is_an_answer(noise):
    try:
        body = answer_to(b"\x4a", noise)
    except DeviceFailed:
        return
    assert sealed(b"\xd5\x4b" + body)[2:-1] in noise


def test_a_cut_frame_whose_rest_happens_to_add_up_is_half_a_frame():
    with pytest.raises(DeviceFailed, match="half a frame"):
        answer_to(b"\x4a", bytes.fromhex("0000ff05fbd54be0"))
    assert answer_to(b"\x4a", bytes.fromhex("0000ff03fdd54b00e000")) == b"\x00"
