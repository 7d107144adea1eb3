"""The overlays of image/dt: they compile, fit the boards' files and the trees that they are meant for."""

import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from hal.board_model import load_board_model
from tests.image_parts.debian import device_trees

SOURCES = Path(__file__).parents[2] / "image" / "dt"
OVERLAYS = ("evse-cm4-mainline", "evse-cm4-rpi")
PULLED_DOWN = range(9, 28)  # GPIOs at reset (BCM2711 peripherals, table of pull states)
SPI, PWM, I2C, UART = "/soc/spi@7e204000", "/soc/pwm@7e20c000", "/soc/i2c@7e804000", "/soc/serial@7e201600"
GPIO = "/soc/gpio@7e200000"

# The labels that our overlay uses in Raspberry Pi's own tree, with what they stand for.
RPI_TREE = """/dts-v1/;
/ {
    compatible = "raspberrypi,4-model-b", "brcm,bcm2711";
    soc {
        gpio: gpio@7e200000 { #gpio-cells = <2>; };
        pwm: pwm@7e20c000 { status = "disabled"; };
        i2c1: i2c@7e804000 { status = "disabled"; };
        uart3: serial@7e201600 { status = "disabled"; };
        spi0: spi@7e204000 {
            status = "disabled";
            spidev0: spidev@0 { compatible = "spidev"; };
            spidev1: spidev@1 { compatible = "spidev"; };
        };
    };
    i2c0mux: i2c0mux { status = "okay"; };
};
"""


@pytest.fixture(scope="session", autouse=True)
def _device_tree_compiler() -> None:
    missing = [name for name in ("dtc", "fdtoverlay", "fdtget") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)}: missing; apt-get install device-tree-compiler")


def run(*command: object) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), f"{command}: {done.stderr}"
    return done.stdout


def compiled(name: str, folder: Path) -> Path:
    """dtc must not even warn."""
    blob = folder / f"{name}.dtbo"
    run("dtc", "-@", "-I", "dts", "-O", "dtb", "-o", blob, SOURCES / f"{name}.dts")
    return blob


def merged(base: Path, name: str, folder: Path) -> Path:
    tree = folder / f"{base.stem}-{name}.dtb"
    run("fdtoverlay", "-i", base, "-o", tree, compiled(name, folder))
    return tree


def get(tree: Path, node: str, name: str, kind: str = "s") -> list[str]:
    return run("fdtget", "-t", kind, tree, node, name).split()


@pytest.fixture
def rpi_tree(tmp_path: Path) -> Path:
    source, blob = tmp_path / "rpi.dts", tmp_path / "rpi.dtb"
    source.write_text(RPI_TREE)
    run("dtc", "-q", "-@", "-I", "dts", "-O", "dtb", "-o", blob, source)
    return blob


def line_names(tree: Path) -> list[str]:
    return get(tree, GPIO, "gpio-line-names")


def lines_of_board() -> set[str]:
    model = load_board_model("cm4-carrier")
    tables = (*msgspec.structs.astuple(model.outputs), *msgspec.structs.astuple(model.inputs))
    return {line.name for line in tables if line is not None}


def assert_enabled(tree: Path) -> None:
    """What hal/boards/cm4-carrier.toml opens, at the names that it has there."""
    names = line_names(tree)
    assert len(names) == len(set(names)) == 28
    assert {name for name in names if name.startswith("EVSE_")} == lines_of_board() | {"EVSE_CP_PWM"}
    assert [get(tree, node, "status") for node in (SPI, PWM, I2C, UART)] == [["okay"]] * 4
    assert get(tree, SPI, "cs-gpios", "u")[1:] == ["8", "1"]
    assert get(tree, I2C, "clock-frequency", "u") == ["100000"]
    assert "linux,rs485-enabled-at-boot-time" in run("fdtget", "-p", tree, UART).split()


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_compiles_without_a_warning(name: str, tmp_path: Path) -> None:
    assert compiled(name, tmp_path).stat().st_size > 1000


def test_the_rpi_overlay_fits_the_labels_of_that_tree(rpi_tree: Path, tmp_path: Path) -> None:
    tree = merged(rpi_tree, "evse-cm4-rpi", tmp_path)
    assert_enabled(tree)
    assert get(tree, f"{SPI}/spidev@0", "compatible") == ["spidev"]
    assert get(tree, f"{SPI}/spidev@1", "status") == ["disabled"]
    assert get(tree, "/i2c0mux", "status") == ["disabled"]


def test_every_powered_output_is_where_the_chip_pulls_down_at_reset(rpi_tree: Path, tmp_path: Path) -> None:
    names = line_names(merged(rpi_tree, "evse-cm4-rpi", tmp_path))
    outputs = msgspec.structs.astuple(load_board_model("cm4-carrier").outputs)
    places = {line.name: names.index(line.name) for line in outputs if line is not None}
    assert {name: at for name, at in places.items() if at not in PULLED_DOWN} == {}
    assert names.index("EVSE_CP_PWM") in PULLED_DOWN


def test_no_pin_of_a_bus_has_the_name_of_a_line(rpi_tree: Path, tmp_path: Path) -> None:
    tree = merged(rpi_tree, "evse-cm4-rpi", tmp_path)
    names = line_names(tree)
    groups = run("fdtget", "-l", tree, GPIO).split()
    pins = [int(pin) for group in groups for pin in get(tree, f"{GPIO}/{group}", "brcm,pins", "u")]
    assert len(groups) == 5
    assert len(pins) == len(set(pins))
    assert {names[pin] for pin in pins} & lines_of_board() == set()


@pytest.mark.foreign
@pytest.mark.parametrize("base", ["bcm2711-rpi-cm4-io", "bcm2711-rpi-4-b"])
def test_the_mainline_overlay_fits_the_trees_of_debians_kernel(base: str, tmp_path: Path) -> None:
    base_tree = device_trees() / f"{base}.dtb"
    tree = merged(base_tree, "evse-cm4-mainline", tmp_path)
    assert_enabled(tree)
    assert get(tree, f"{SPI}/adc@0", "compatible") == ["rohm,dh2228fv"]
    assert get(tree, PWM, "assigned-clock-rates", "u") == ["10000000"]
    assert get(tree, "/i2c-mux0", "status") == ["disabled"]
    assert get(base_tree, SPI, "status") == get(base_tree, PWM, "status") == ["disabled"]


@pytest.mark.foreign
def test_the_hat_uses_names_that_a_pi_4_has_by_itself() -> None:
    model = load_board_model("pi-hat-1p")
    names = set(line_names(device_trees() / "bcm2711-rpi-4-b.dtb"))
    lines = (*msgspec.structs.astuple(model.outputs), *msgspec.structs.astuple(model.inputs))
    assert {line.name for line in lines if line is not None} <= names
