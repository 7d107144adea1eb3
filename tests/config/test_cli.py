import argparse
import tomllib
from pathlib import Path

import msgspec
import pytest

from evsed.config import (
    Config,
    ConfigError,
    add_arguments,
    arguments_of,
    from_arguments,
    handle_config_verbs,
    load,
    print_config,
)


def parsed(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_arguments(parser)
    return parser.parse_args(argv)


def test_arguments_reach_the_configuration(tmp_path):
    (tmp_path / "a.toml").write_text("mqtt.port = 7")
    (tmp_path / "b.toml").write_text("mqtt.host = 'b'")
    files = ["--config", str(tmp_path / "a.toml"), "--config", str(tmp_path / "b.toml")]
    args = parsed(*files, "--board", "sim", "--set", "evse.id=2")
    config = from_arguments(args).config
    assert (config.mqtt.port, config.mqtt.host, config.board.name, config.evse.id) == (7, "b", "sim", 2)


def test_a_wrong_argument_is_a_config_error(tmp_path):
    (tmp_path / "empty.toml").touch()
    with pytest.raises(ConfigError, match=r"evse\.phases"):
        from_arguments(parsed("--config", str(tmp_path / "empty.toml"), "--set", "evse.phases=2"))


def test_a_child_gets_the_same_settings_whatever_they_look_like():
    args = parsed("--config=-odd name", "--board=", "--set=mqtt.host=-a b", "--set=evse.evse_id=a=b")
    child = parsed(*arguments_of(args))
    assert child.config == [str(Path.cwd() / "-odd name")]
    assert (child.board, child.sets) == ("", ["mqtt.host=-a b", "evse.evse_id=a=b"])


def test_a_child_of_no_arguments_gets_none():
    assert arguments_of(parsed()) == []


def test_two_parsers_do_not_share_their_lists():
    parsed("--set", "mqtt.port=1")
    assert parsed().sets == []


def test_the_printed_configuration_is_toml_and_gives_the_same_configuration(tmp_path):
    sets = ['mqtt.username=ä"\\#', 'auth.tokens=["A","B#"]', "evse.max_current_a=16", "core.wake_up=false"]
    loaded = load([], sets, "sim", tmp_path)
    assert msgspec.convert(tomllib.loads(print_config(loaded)), Config) == loaded.config


def test_the_printed_configuration_says_where_each_value_came_from(tmp_path):
    path = tmp_path / "evsed.toml"
    path.write_text("\n[mqtt]\nkeepalive_s = 20\n")
    lines = print_config(load([path], ["mqtt.port=7"], "sim", tmp_path)).splitlines()
    assert 'name = "sim"  # --board' in lines
    assert "port = 7  # --set" in lines
    assert f"keepalive_s = 20  # {path}:3" in lines
    assert 'host = "127.0.0.1"  # default' in lines


def test_a_file_with_a_line_break_in_its_name_cannot_break_the_printed_configuration(tmp_path):
    path = tmp_path / "a\nb.toml"
    path.write_text("mqtt.port = 7")
    assert tomllib.loads(print_config(load([path], [], None, tmp_path)))["mqtt"]["port"] == 7


def test_the_verbs_print_and_give_exit_code_zero(tmp_path, capsys):
    loaded = load([], [], None, tmp_path)
    assert handle_config_verbs(parsed("--check-config"), loaded) == 0
    assert capsys.readouterr().out == "configuration ok\n"
    assert handle_config_verbs(parsed("--print-config"), loaded) == 0
    assert capsys.readouterr().out == print_config(loaded)


def test_without_a_verb_nothing_is_printed_and_the_program_goes_on(tmp_path, capsys):
    assert handle_config_verbs(parsed(), load([], [], None, tmp_path)) is None
    assert capsys.readouterr().out == ""


def test_checking_and_printing_exclude_each_other():
    with pytest.raises(argparse.ArgumentError):
        parsed("--check-config", "--print-config")
