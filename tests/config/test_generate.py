import subprocess
import sys
from pathlib import Path

from evsed.config import Config, load
from evsed.config.generate import toml_text
from evsed.config.keys import KEYS

REPOSITORY = Path(__file__).parents[2]
SHIPPED = REPOSITORY / "rootfs-overlay/usr/lib/evsed/evsed.toml"


def test_the_shipped_file_is_what_scripts_gen_config_writes():
    assert SHIPPED.read_text(encoding="utf-8") == toml_text(), "run scripts/gen-config"


def test_the_shipped_file_sets_every_key_to_its_default(tmp_path: Path):
    """By itself: the image has an /etc/evsed besides."""
    (tmp_path / "usr").symlink_to(SHIPPED.parents[2])
    loaded = load([], [], None, tmp_path)
    assert loaded.config == Config()
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    for key in KEYS.values():
        line = int(loaded.origin(key.name).rpartition(":")[2])
        assert lines[line - 1].startswith(f"{key.field} = ")


def test_no_line_of_the_shipped_file_is_wider_than_110_columns():
    assert max(map(len, toml_text().splitlines())) <= 110


def test_each_key_stands_below_its_help_unit_range_and_restart_mark():
    text = toml_text()
    assert (
        "# Hard ceiling of this installation, each phase.\n"
        "# Value: a number, 6..80 A. [restart]\n"
        "max_current_a = 32.0\n"
    ) in text
    assert text.count("[restart]\n") == sum(key.safety for key in KEYS.values())


def test_every_number_has_both_bounds_and_every_key_its_help():
    for key in KEYS.values():
        assert key.help.endswith((".", "...")), key.name
        assert "\n" not in key.help
        if key.kind in ("int", "float") and not key.choices:
            assert None not in (key.meta.ge, key.meta.le), key.name


def test_importing_the_configuration_loads_neither_tomllib_nor_difflib():
    code = "import sys, evsed.config; print(sorted({'tomllib', 'difflib', 'json'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, check=True)
    assert done.stdout == b"[]\n"
