import ctypes
import errno
import os
import shutil
import struct
import subprocess
import sys
from typing import ClassVar

import pytest
import spidev

from hal.drivers.mcp3208 import frame_of
from hal.drivers.spi_burst import (
    PAUSE_US_AFTER,
    SpiDevice,
    SpiIocTransfer,
    libc_ioctl,
    message_request,
    open_spidev,
    transfers_per_message,
)
from hal.errors import DeviceFailed, DeviceMissing, HalError, LineBusy
from tests.hal.drivers.spi_bench import FakeAdc, FakePort, Pilot, pilot_node_v

PATH = "/dev/spidev0.0"


@pytest.fixture
def bufsiz(tmp_path):
    path = tmp_path / "bufsiz"
    path.write_text("16384\n")
    return path


@pytest.fixture
def adc():
    return FakeAdc(ch0=lambda at_s: 3.3 * 0x123 / 4096 + 0.0001, ch7=lambda at_s: 3.3 * 0xFED / 4096 + 0.0001)


@pytest.fixture
def port():
    return FakePort()


@pytest.fixture
def spi(adc, port, bufsiz):
    return SpiDevice("MCP3208", PATH, 1_000_000, bufsiz, lambda path: port, adc.ioctl)


def test_a_transfer_is_laid_out_as_the_kernel_reads_it(bufsiz):
    seen = []

    def ioctl(fd, request, address):
        seen.append((fd, request, ctypes.string_at(address, 64)))
        return 6

    spi = SpiDevice("MCP3208", PATH, 1_000_000, bufsiz, lambda path: FakePort(), ioctl)
    spi.burst([b"\x06\x40\x00", b"\x07\xc0\x00"]).run()
    [(fd, request, array)] = seen
    assert (fd, request) == (77, 0x40406B00)
    tx, rx = struct.unpack_from("<QQ", array)
    golden = (
        struct.pack("<QQ", tx, rx)
        + bytes.fromhex("03000000 00000000 0000 00 01 00 00 00 00")
        + struct.pack("<QQ", tx + 3, rx + 4)
        + bytes.fromhex("03000000 00000000 0000 00 00 00 00 00 00")
    )
    assert array == golden
    assert ctypes.sizeof(SpiIocTransfer) == 32


def test_request_numbers_are_those_of_the_kernel_header():
    assert [message_request(n) for n in (1, 64, 511)] == [0x40206B00, 0x48006B00, 0x7FE06B00]


def test_every_frame_is_sent_and_its_answer_comes_back_in_order(spi, adc):
    words = spi.burst([frame_of(0), frame_of(7), frame_of(0)]).run()
    assert [word & 0xFFF for word in words] == [0x123, 0xFED, 0x123]
    assert adc.asked == [[0, 7, 0]]


def test_chip_select_rises_after_each_frame_so_that_each_is_a_conversion(spi, adc):
    burst = spi.burst([frame_of(7)] * 64)
    for _ in range(2):
        assert {word & 0xFFF for word in burst.run()} == {0xFED}
        assert not adc.selected


def test_the_second_run_brings_new_answers(adc, spi):
    burst = spi.burst([frame_of(0)])
    assert burst.run()[0] & 0xFFF == 0x123
    adc.node_v[0] = lambda at_s: 0.0
    assert burst.run()[0] & 0xFFF == 0


@pytest.mark.parametrize(
    ("bufsiz_text", "messages"),
    [
        ("16384", [64]),
        ("8192", [64]),
        ("4096", [32, 32]),
        ("8000", [62, 2]),
        ("64", [1] * 64),
        (None, [32, 32]),
    ],
)
def test_a_burst_is_cut_to_what_the_kernel_buffers(tmp_path, adc, bufsiz_text, messages):
    path = tmp_path / "bufsiz"
    if bufsiz_text is not None:
        path.write_text(bufsiz_text)
    spi = SpiDevice("MCP3208", PATH, 1_000_000, path, lambda path: FakePort(), adc.ioctl)
    burst = spi.burst([frame_of(7)] * 64)
    assert {word & 0xFFF for word in burst.run()} == {0xFED}
    assert [len(message) for message in adc.asked] == messages
    assert burst.system_calls_n == len(messages)


def test_a_message_holds_at_most_what_its_number_can_say(tmp_path):
    (tmp_path / "large").write_text("1048576")
    (tmp_path / "garbage").write_text("many")
    assert transfers_per_message(tmp_path / "large") == 511
    assert transfers_per_message(tmp_path / "garbage") == 32


def test_the_bus_is_set_up_for_the_chip(spi, port):
    assert (port.mode, port.bits_per_word, port.max_speed_hz) == (0, 8, 1_000_000)


@pytest.mark.parametrize("frames", [[], [b"\x06\x00"], [b"\x06\x00\x00\x00"]])
def test_frames_of_another_length_are_refused(spi, frames):
    with pytest.raises(ValueError, match="3 bytes"):
        spi.burst(frames)


def test_the_pauses_of_a_long_burst_stand_in_its_transfers(bufsiz):
    arrays = []

    def ioctl(fd, request, address):
        arrays.append(ctypes.string_at(address, 64 * 32))
        return 192

    spi = SpiDevice("MCP3208", PATH, 1_000_000, bufsiz, lambda path: FakePort(), ioctl)
    spi.burst([frame_of(0)] * 64).run()
    pauses_us = [struct.unpack_from("<H", arrays[0], 32 * k + 24)[0] for k in range(64)]
    assert pauses_us == [0] * 21 + [9] + [0] * 20 + [23] + [0] * 21


@pytest.mark.parametrize("spacing_us", [34 + 0.1 * step for step in range(121)])
def test_at_no_spacing_of_the_bus_do_three_samples_meet_the_pilot_at_one_phase(spacing_us):
    ats_us = [0.0]
    for k in range(63):
        ats_us.append(ats_us[-1] + spacing_us + PAUSE_US_AFTER.get(k, 0))
    phases_us = sorted(at_us % 1000 for at_us in ats_us)
    phases_us += [phase_us + 1000 for phase_us in phases_us[:2]]
    assert min(third - first for first, third in zip(phases_us, phases_us[2:], strict=False)) > 3.0


# fmt: off
OPEN_FAILURES = [
    (errno.ENOENT, DeviceMissing, "{path} does not exist; enable its bus in the device tree"),
    (errno.EACCES, DeviceFailed,  "no permission to read and write {path}; join the group spi"),
    (errno.ENXIO,  DeviceMissing, "there is no hardware behind {path}; is its driver bound?"),
    (errno.EBUSY,  LineBusy,      "{path} is in use by another process or by a kernel driver"),
    (errno.EMFILE, DeviceFailed,  "{path} cannot be opened: Too many open files"),
]
# fmt: on


@pytest.mark.parametrize(("code", "kind", "text"), OPEN_FAILURES)
def test_a_file_that_cannot_be_opened_is_told_with_what_to_do(code, kind, text, adc):
    def opener(path):
        raise OSError(code, os.strerror(code))

    with pytest.raises(HalError) as caught:
        SpiDevice("MCP3208", PATH, 1_000_000, opener=opener, ioctl=adc.ioctl)
    assert type(caught.value) is kind
    assert str(caught.value) == "MCP3208: " + text.format(path=PATH)


def test_a_port_that_refuses_its_set_up_is_closed_again(adc):
    port = FakePort(refuse=errno.EINVAL)
    with pytest.raises(DeviceFailed, match=r"spidev0\.0 cannot be opened: Invalid argument"):
        SpiDevice("MCP3208", PATH, 99, opener=lambda path: port, ioctl=adc.ioctl)
    assert port.closed_n == 1


def test_the_real_spidev_refuses_files_that_are_none(tmp_path):
    with pytest.raises(DeviceMissing, match="does not exist"):
        SpiDevice("MCP3208", str(tmp_path / "none"), 1_000_000)
    open_n = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(DeviceMissing, match="/dev/null is a file of another kind"):
            SpiDevice("MCP3208", "/dev/null", 1_000_000)
    assert len(os.listdir("/proc/self/fd")) == open_n
    with pytest.raises(OSError, match="No such file"):
        open_spidev(str(tmp_path / "none"))


class Debians:
    """spidev 3.6: no open_path."""

    opened: ClassVar[list[tuple[int, int]]] = []

    def open(self, bus: int, device: int) -> None:
        self.opened.append((bus, device))


def test_a_device_is_opened_by_its_numbers_also_behind_a_link(tmp_path, monkeypatch):
    monkeypatch.setattr(spidev, "SpiDev", Debians)
    link = tmp_path / "adc"
    link.symlink_to("/dev/spidev10.2")
    for path in ("/dev/spidev0.1", str(link)):
        open_spidev(path)
    assert Debians.opened == [(0, 1), (10, 2)]


def test_the_real_system_call_reports_what_the_kernel_says():
    with open("/dev/null", "rb") as file:
        buffer = ctypes.create_string_buffer(64 * 32)
        with pytest.raises(OSError, match="Inappropriate ioctl") as caught:
            libc_ioctl(file.fileno(), message_request(64), ctypes.addressof(buffer))
    assert caught.value.errno == errno.ENOTTY


@pytest.mark.parametrize("code", [errno.ENODEV, errno.ESHUTDOWN])
def test_a_device_that_went_away_is_opened_and_set_up_again_when_it_is_back(code, adc, bufsiz):
    ports = [FakePort(), FakePort()]
    opened = iter(ports)
    spi = SpiDevice("MCP3208", PATH, 500_000, bufsiz, lambda path: next(opened), adc.ioctl)
    burst = spi.burst([frame_of(7)])
    adc.error = code
    with pytest.raises(DeviceMissing, match=r"MCP3208: /dev/spidev0\.0 went away during a transfer"):
        burst.run()
    assert ports[0].closed_n == 1
    adc.error = None
    assert burst.run()[0] & 0xFFF == 0xFED
    assert ports[1].max_speed_hz == 500_000


def test_other_trouble_keeps_the_file_and_tells_the_reason(spi, adc, port):
    burst = spi.burst([frame_of(7)])
    for code, text in ((errno.EIO, "failed: Input/output error"), (errno.EMSGSIZE, r"raise spidev\.bufsiz")):
        adc.error = code
        with pytest.raises(DeviceFailed, match=text):
            burst.run()
    assert port.closed_n == 0


def test_a_message_that_moved_too_little_is_no_answer(spi, adc):
    adc.swallow_n = 3
    with pytest.raises(DeviceFailed, match="moved 189 of 192 bytes"):
        spi.burst([frame_of(7)] * 64).run()


def test_closing_twice_does_no_harm(spi, port):
    spi.close()
    spi.close()
    assert port.closed_n == 1


def test_the_bench_s_pilot_has_its_plateaus():
    pilot = Pilot(9.0, -12.0, 0.3)
    assert pilot(0.29e-3) == pytest.approx(9.0, abs=1e-6)
    assert pilot(0.99e-3) == pytest.approx(-12.0, abs=1e-6)
    assert pilot_node_v(12.0) == pytest.approx(2.845, abs=0.001)


SLOW_IOCTL = """
#include <unistd.h>
int ioctl(int fd, unsigned long request, void *address) {
    if ((request & 0xff00) == 0x6b00) { usleep(200000); return 6; }
    return -1;
}
"""

COUNT_MEANWHILE = """
import ctypes, threading, time
from hal.drivers.spi_burst import libc_ioctl, message_request
counts = []
stop = threading.Event()
thread = threading.Thread(target=lambda: [counts.append(1) for _ in iter(lambda: stop.wait(0.001), True)])
buffer = ctypes.create_string_buffer(64 * 32)
thread.start()
libc_ioctl(0, message_request(64), ctypes.addressof(buffer))
print(len(counts))
stop.set()
thread.join()
"""


@pytest.mark.foreign
@pytest.mark.skipif(shutil.which("gcc") is None, reason="a slow ioctl is made with gcc")
def test_other_threads_run_while_the_bus_works(tmp_path):
    (tmp_path / "slow.c").write_text(SLOW_IOCTL)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", "slow.so", "slow.c"], cwd=tmp_path, check=True)
    env = {**os.environ, "LD_PRELOAD": str(tmp_path / "slow.so")}
    result = subprocess.run(
        [sys.executable, "-c", COUNT_MEANWHILE], env=env, capture_output=True, text=True, check=True
    )
    assert int(result.stdout) > 4  # with the GIL held it is none or one
