import os
import stat
from pathlib import Path

import pytest

from evsed.config import PathError, ensure_dir, runtime_dir, socket_path, state_dir


@pytest.mark.parametrize(
    ("env", "uid", "state", "runtime"),
    [
        ({"STATE_DIRECTORY": "/a:/b", "RUNTIME_DIRECTORY": "/c:/d"}, 0, "/a", "/c"),
        ({"STATE_DIRECTORY": "/a", "RUNTIME_DIRECTORY": "/c", "HOME": "/h"}, 1000, "/a", "/c"),
        ({"STATE_DIRECTORY": "", "RUNTIME_DIRECTORY": ""}, 0, "/var/lib/evsed", "/run/evsed"),
        ({"XDG_STATE_HOME": "/x", "XDG_RUNTIME_DIR": "/r"}, 0, "/var/lib/evsed", "/run/evsed"),
        ({"XDG_STATE_HOME": "/x", "XDG_RUNTIME_DIR": "/r", "HOME": "/h"}, 1000, "/x/evsed", "/r/evsed"),
        ({"XDG_STATE_HOME": "x", "XDG_RUNTIME_DIR": "r", "HOME": "/h"}, 1000, "/h/.local/state/evsed",
         "/tmp/evsed-1000"),
        ({"HOME": "/h"}, 1000, "/h/.local/state/evsed", "/tmp/evsed-1000"),
        ({}, 1000, "/tmp/evsed-1000", "/tmp/evsed-1000"),
    ],
)  # fmt: skip
def test_directories_follow_systemd_then_root_then_xdg_then_tmp(env, uid, state, runtime):
    assert (state_dir(env, uid), runtime_dir(env, uid)) == (Path(state), Path(runtime))


@pytest.fixture
def open_to_all(tmp_path):
    tmp_path.chmod(0o1777)
    return tmp_path


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_missing_directory_is_made_with_its_parents_and_private(tmp_path):
    path = ensure_dir(tmp_path / "a/b")
    assert path == tmp_path / "a/b"
    assert mode_of(path) == 0o700


def test_a_directory_that_is_there_stays_as_it_is(tmp_path):
    (tmp_path / "a").mkdir(mode=0o750)
    assert mode_of(ensure_dir(tmp_path / "a")) == 0o750


def test_a_symbolic_link_made_by_systemd_is_followed(tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "private").mkdir()
    (tmp_path / "a").symlink_to("private")
    ensure_dir(tmp_path / "a")


def test_a_directory_of_ours_in_a_directory_open_to_all_is_taken_again(open_to_all):
    ensure_dir(open_to_all / "a")
    ensure_dir(open_to_all / "a")


def test_a_symbolic_link_in_a_directory_open_to_all_is_refused(open_to_all):
    (open_to_all / "target").mkdir(mode=0o700)
    (open_to_all / "a").symlink_to("target")
    with pytest.raises(PathError, match="symbolic link"):
        ensure_dir(open_to_all / "a")


def test_a_directory_that_others_may_write_in_a_directory_open_to_all_is_refused(open_to_all):
    ensure_dir(open_to_all / "a").chmod(0o770)
    with pytest.raises(PathError, match="chmod 700"):
        ensure_dir(open_to_all / "a")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_in_a_directory_open_to_all_is_refused(open_to_all):
    os.chown(ensure_dir(open_to_all / "a"), 12345, -1)
    with pytest.raises(PathError, match="belongs to user id 12345, not to 0"):
        ensure_dir(open_to_all / "a")


def test_a_file_where_the_directory_should_be_is_named(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(PathError, match="a: is not a directory"):
        ensure_dir(tmp_path / "a")
    with pytest.raises(PathError, match="a/b: cannot be made or used"):
        ensure_dir(tmp_path / "a/b")


def test_a_socket_path_of_107_bytes_is_taken_and_of_108_refused_with_the_remedy():
    directory = Path("/" + "d" * 100)
    assert socket_path(directory, "12345") == directory / "12345"
    with pytest.raises(PathError, match=r"/ddd.*/123456: a socket path of 108 bytes.*set RUNTIME_DIRECTORY"):
        socket_path(directory, "123456")


def test_a_socket_path_is_measured_in_bytes_not_characters():
    with pytest.raises(PathError, match="108 bytes"):
        socket_path(Path("/" + "ä" * 50), "123456")
