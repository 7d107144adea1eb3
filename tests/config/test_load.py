import os
from pathlib import Path

import msgspec
import pytest

from evsed.config import Config, ConfigError, load
from evsed.config.keys import KEYS


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def problems(root: Path, *texts: str, sets: tuple[str, ...] = ()) -> list[str]:
    """What is said of these --config files (a.toml, b.toml, ...) and --set values, without the directory."""
    files = [put(root / f"{name}.toml", text) for name, text in zip("abcdef", texts, strict=False)]
    with pytest.raises(ConfigError) as refused:
        load(files, sets, None, root)
    return str(refused.value).replace(f"{root}/", "").splitlines()


def test_without_any_file_the_schema_defaults_hold(tmp_path):
    loaded = load([], [], None, tmp_path)
    assert loaded.config == Config()
    assert loaded.origin("mqtt.port") == "default"


def test_every_default_keeps_its_own_bounds():
    for key in KEYS.values():
        msgspec.convert(key.default, key.type)


def test_each_source_wins_over_those_before_it(tmp_path):
    sources = [
        put(
            tmp_path / "usr/lib/evsed/evsed.toml",
            "mqtt = {port = 1, keepalive_s = 1, host = 'a', username = 'a'}",
        ),
        put(tmp_path / "etc/evsed/evsed.toml", "[mqtt]\nport = 2\nkeepalive_s = 2\nhost = 'b'\n"),
        put(tmp_path / "etc/evsed/evsed.toml.d/20.toml", "[mqtt]\nport = 4\nkeepalive_s = 4\n"),
    ]
    put(tmp_path / "etc/evsed/evsed.toml.d/10.toml", "[mqtt]\nport = 3\nkeepalive_s = 3\n")
    loaded = load([], ["mqtt.port=5"], None, tmp_path)
    mqtt = loaded.config.mqtt
    assert (mqtt.username, mqtt.host, mqtt.keepalive_s, mqtt.port) == ("a", "b", 4, 5)
    assert loaded.origin("mqtt.username") == f"{sources[0]}:1"
    assert loaded.origin("mqtt.host") == f"{sources[1]}:4"
    assert loaded.origin("mqtt.keepalive_s") == f"{sources[2]}:3"
    assert loaded.origin("mqtt.port") == "--set"


def test_config_files_stand_in_for_both_etc_places_but_not_for_the_packaged_file(tmp_path):
    put(tmp_path / "usr/lib/evsed/evsed.toml", "mqtt.keepalive_s = 20")
    put(tmp_path / "etc/evsed/evsed.toml", "mqtt.host = 'etc'")
    put(tmp_path / "etc/evsed/evsed.toml.d/1.toml", "mqtt.username = 'etc'")
    given = [put(tmp_path / "one", "mqtt.port = 1"), put(tmp_path / "two", "mqtt.port = 2")]
    mqtt = load(given, [], None, tmp_path).config.mqtt
    assert (mqtt.host, mqtt.username, mqtt.keepalive_s, mqtt.port) == ("127.0.0.1", "", 20, 2)


def test_only_visible_toml_files_of_the_drop_in_directory_count(tmp_path):
    for name in (".hidden.toml", "10.toml.bak", "README"):
        put(tmp_path / "etc/evsed/evsed.toml.d" / name, "this is [ not TOML")
    assert load([], [], None, tmp_path).config == Config()


def test_board_on_the_command_line_wins(tmp_path):
    loaded = load([put(tmp_path / "f", "board.name = 'a'")], ["board.name=b"], "sim", tmp_path)
    assert loaded.config.board.name == "sim"
    assert loaded.origin("board.name") == "--board"


def test_asking_for_the_origin_of_an_unknown_key_is_a_mistake_of_the_caller(tmp_path):
    with pytest.raises(KeyError):
        load([], [], None, tmp_path).origin("mqtt.prot")


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("evse.evse_id=12", "12"),
        ("evse.evse_id=true", "true"),
        ('evse.evse_id="12"', "12"),
        ("evse.evse_id=a=b", "a=b"),
        ("auth.mode=free", "free"),
        ("mqtt.username=", ""),
        ("evse.max_current_a=16", 16.0),
        ("evse.phases=1", 1),
        (" evse.phases =1", 1),
        ("api.newer_enums=true", True),
        ('auth.tokens=["A","B"]', ("A", "B")),
        ("auth.tokens=[]", ()),
    ],
)
def test_a_set_value_is_toml_and_for_a_text_key_the_bare_text(tmp_path, argument, value):
    config = load([], [argument], None, tmp_path).config
    table, field = argument.partition("=")[0].strip().split(".")
    got = getattr(getattr(config, table), field)
    assert got == value
    assert type(got) is type(value)


def test_of_two_sets_for_one_key_the_later_wins(tmp_path):
    assert load([], ["mqtt.port=1", "mqtt.port=2"], None, tmp_path).config.mqtt.port == 2


@pytest.mark.parametrize(
    ("argument", "problem"),
    [
        ("mqtt.port", "expected KEY=VALUE, such as --set mqtt.port=1883"),
        ("mqtt.prot=1", "mqtt.prot: unknown key; nearest key: did you mean mqtt.port?"),
        ("port=1", "port: unknown key; nearest key: did you mean mqtt.port?"),
        ("evse.mode=free", "evse.mode: unknown key; nearest key: did you mean auth.mode?"),
        ("mqt.prot=1", "mqt.prot: unknown key; nearest key: did you mean mqtt.port?"),
        ("sim.noise_a=1", "sim.noise_a: unknown key; nearest key: did you mean sim.noise_mv?"),
        ("zzz=1", "zzz: unknown key; known here: board, mqtt, api,"),
        ("mqtt=1", "mqtt: unknown key; known here: mqtt.host, mqtt.port,"),
        ("evse.phases=2", "evse.phases: 2 is not allowed, allowed: 1 or 3"),
        ("evse.phases=true", "evse.phases: expected 1 or 3, got true"),
        ("mqtt.port=x", 'mqtt.port: expected a whole number, 1..65535, got "x"'),
        ("mqtt.port=1\nx = 2", 'mqtt.port: expected a whole number, 1..65535, got "1\\nx = 2"'),
        ("auth.tokens=A", 'auth.tokens: expected a list of texts, 1..36 characters each, got "A"'),
        ('mqtt.host="x', "mqtt.host: not a TOML text; close the quotes or leave them out"),
        ("mqtt.host=", 'mqtt.host: "" is not allowed, allowed: text, not empty'),
        ("mqtt.host=a\x1b", 'mqtt.host: control characters in "a\\x1b", allowed: text, not empty'),
    ],
)
def test_a_wrong_set_names_itself_and_what_is_allowed(tmp_path, argument, problem):
    (line,) = problems(tmp_path, sets=(argument,))
    shown = argument.replace("\n", "\\n").replace("\x1b", "\\x1b")
    assert line.startswith(f"--set {shown}: {problem}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("evse.max_current_a = 5.9", "evse.max_current_a: 5.9 is not allowed, allowed: a number, 6..80 A"),
        ("evse.max_current_a = 81", "evse.max_current_a: 81 is not allowed, allowed: a number, 6..80 A"),
        ("core.reclose_min_s = 2.51", "core.reclose_min_s: 2.51 is not allowed, allowed: a number, 0..2.5 s"),
        ("evse.max_current_a = nan", "evse.max_current_a: nan is no usable number, allowed: a number, 6..80"),
        ("evse.max_current_a = inf", "evse.max_current_a: inf is no usable number, allowed: a number, 6..80"),
        ("core.tick_ms = true", "core.tick_ms: expected a whole number, 5..20 ms, got true"),
        ("core.tick_ms = 10.0", "core.tick_ms: expected a whole number, 5..20 ms, got 10.0"),
        (f"core.tick_ms = 0x{'f' * 5000}", "core.tick_ms: a huge number is not allowed, allowed: a whole"),
        ("core.wake_up = 1", "core.wake_up: expected true or false, got 1"),
        ("mqtt.host = 1979-05-27", "mqtt.host: expected text, not empty, got 1979-05-27"),
        ("mqtt.host = {a = 1}", "mqtt.host: expected text, not empty, got a table"),
        ("mqtt.host.a = 1", "mqtt.host: expected text, not empty, got a table"),
        ("mqtt.port = [1]", "mqtt.port: expected a whole number, 1..65535, got a list"),
        ("auth.mode = 'none'", 'auth.mode: "none" is not allowed, allowed: "external" or "free" or "tokens"'),
        ("auth.tokens = ['A', 7]", "auth.tokens: 7 is not allowed, allowed: a list of texts"),
        ("auth.tokens = ['']", 'auth.tokens: "" is not allowed, allowed: a list of texts'),
        ("mqtt.reply_prefixes = ['a/#']",
         'mqtt.reply_prefixes: "a/#" is not allowed, allowed: a list of texts, not empty, without + or #'),
        ("api.module_id = 'a/b'",
         'api.module_id: "a/b" is not allowed, allowed: text, 1..128 characters, one topic level: no / + #'),
        ("api.module_id = 'a\\n'", None),
        ("api.module_id = \"a\\n\"",
         'api.module_id: control characters in "a\\n", allowed: text, 1..128 characters, one topic level'),
        ("mqtt = 5", "mqtt: is a table, got 5; write [mqtt] and its keys below"),
        ("[[mqtt]]", "mqtt: is a table, got a list; write [mqtt] and its keys below"),
        ("[mqqt]\nport = 1\nhost = 2", "[mqqt]: unknown table; did you mean [mqtt]?"),
        ("[zzz]", "[zzz]: unknown table; known tables: board, mqtt, api,"),
        ("host = 'x'", "host: unknown key; nearest key: did you mean mqtt.host?"),
        ("mqtt.zzz = 'x'", "mqtt.zzz: unknown key; known here: mqtt.host, mqtt.port, "),
    ],
)  # fmt: skip
def test_a_wrong_line_is_refused_with_file_line_key_and_what_is_allowed(tmp_path, text, problem):
    if problem is None:
        assert load([put(tmp_path / "a.toml", text)], [], None, tmp_path).config.api.module_id == "a\\n"
        return
    (line,) = problems(tmp_path, f"# a comment\n\n{text}\n")
    assert line.startswith(f"a.toml:3: {problem}")


def test_all_problems_of_all_sources_are_told_at_once(tmp_path):
    said = problems(
        tmp_path,
        "[mqtt]\nport = 0\nhots = 'x'\n\n[evse]\nphases = 2\n",
        "[auth\n",
        sets=("core.tick_ms=1", "x"),
    )
    blamed = ["a.toml:3", "b.toml:1:6", "--set x", "a.toml:2", "a.toml:6", "--set core.tick_ms=1"]
    assert [line.split(": ")[0] for line in said] == blamed


def test_a_wrong_value_is_told_even_if_a_later_source_would_replace_it(tmp_path):
    (line,) = problems(tmp_path, "mqtt.port = 0", sets=("mqtt.port=1883",))
    assert line.startswith("a.toml:1: mqtt.port: ")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[mqtt]\nport = \n", "a.toml:2:8: not valid TOML: Invalid value; a text needs quotes"),
        ("[mqtt]\nhost = abc\n", "a.toml:2:8: not valid TOML: Invalid value; a text needs quotes"),
        ("[mqtt]\nhost = 'abc\n", "a.toml:3:1: not valid TOML: "),
        ('[mqtt]\nhost = """abc\n', "a.toml:3:1: not valid TOML: "),
        ("mqtt.port = 1\n\nmqtt.port = 2\n", "a.toml:3: mqtt.port: given twice, first on line 1; keep one"),
        ("[mqtt]\n[mqtt]\nhost = 'x'\n", "a.toml:2: table [mqtt]: given twice, first on line 1; keep one"),
        (f"core.tick_ms = {'9' * 5000}", "a.toml:1: cannot be read as TOML: Exceeds the limit"),
        (f"a = {'[' * 20000}", "a.toml:1: cannot be read as TOML: "),
    ],
)  # fmt: skip
def test_what_is_not_toml_is_refused_with_its_place(tmp_path, text, problem):
    (line,) = problems(tmp_path, text)
    assert line.startswith(problem)


def test_a_file_that_is_not_utf8_is_refused_with_its_line(tmp_path):
    path = tmp_path / "latin.toml"
    path.write_bytes(b"[evse]\nevse_id = '\xe4'\n")
    with pytest.raises(ConfigError, match=r"latin\.toml:2: not UTF-8 text"):
        load([path], [], None, tmp_path)


def test_a_byte_order_mark_and_windows_line_ends_are_taken(tmp_path):
    path = tmp_path / "windows.toml"
    path.write_bytes(b"\xef\xbb\xbf[mqtt]\r\nport = 7\r\n")
    loaded = load([path], [], None, tmp_path)
    assert (loaded.config.mqtt.port, loaded.origin("mqtt.port")) == (7, f"{path}:2")


def test_a_missing_config_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.toml: no such file"):
        load([tmp_path / "nowhere.toml"], [], None, tmp_path)


def test_a_directory_given_as_config_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="is a directory, a file is needed"):
        load([tmp_path], [], None, tmp_path)


def test_a_dangling_link_among_the_drop_ins_is_told_not_skipped(tmp_path):
    put(tmp_path / "etc/evsed/evsed.toml.d/a.toml", "").with_name("b.toml").symlink_to("/nowhere")
    with pytest.raises(ConfigError, match=r"b\.toml: no such file"):
        load([], [], None, tmp_path)


def test_a_drop_in_directory_that_is_a_file_is_told(tmp_path):
    put(tmp_path / "etc/evsed/evsed.toml.d", "")
    with pytest.raises(ConfigError, match=r"evsed\.toml\.d: a part of the path is not a directory"):
        load([], [], None, tmp_path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("limits.fallback_a = 20\nevse.max_current_a = 16",
         "a.toml:1: limits.fallback_a: 20.0 must not be above evse.max_current_a = 16.0 (a.toml:2)"),
        ("\nlimits.fallback_a = 40",
         "a.toml:2: limits.fallback_a: 40.0 must not be above evse.max_current_a = 32.0 (default)"),
        ("auth.mode = 'tokens'",
         'a.toml:1: auth.mode: "tokens" needs at least one id token in auth.tokens = [] (default)'),
        ("mqtt.password_file = '/p'",
         'a.toml:1: mqtt.password_file: "/p" needs a user name in mqtt.username = "" (default)'),
        ("\n\nmeter.poll_s = 10",
         "a.toml:3: meter.silent_s: 10.0 must be longer than meter.poll_s = 10.0 (a.toml:3)"),
    ],
)  # fmt: skip
def test_keys_that_contradict_each_other_are_refused_naming_both(tmp_path, text, problem):
    assert problems(tmp_path, text) == [problem]


def test_an_int_is_taken_for_a_float_key(tmp_path):
    value = load([], ["evse.max_current_a=16"], None, tmp_path).config.evse.max_current_a
    assert isinstance(value, float)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_read_permission_is_told_with_the_user_id_that_needs_it(tmp_path):
    put(tmp_path / "etc/evsed/evsed.toml", "").chmod(0)
    with pytest.raises(ConfigError, match=rf"evsed\.toml: permission denied: let user id {os.geteuid()} "):
        load([], [], None, tmp_path)
