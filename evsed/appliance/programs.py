"""The programs that the appliance is made of, by their names on the PATH.

boot state: fw_printenv, fw_setenv · updates: rauc · keys: ssh-keygen · broker: mosquitto_passwd ·
systemd: systemctl, journalctl · others: mount, hostname
"""

import os
import subprocess
from collections.abc import Callable, Mapping

LIMIT_S = 60.0


class ProgramFailed(Exception):
    """The text names the program and says what it said last."""

    def __init__(self, name: str, said: str) -> None:
        self.name, self.said = name, said
        super().__init__(f"{name}: {said}")


class Programs:
    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        """env: None is our own."""
        self._env = dict(os.environ if env is None else env)

    def run(self, name: str, *args: str, text: str = "", limit_s: float = LIMIT_S) -> str:
        """What it prints; `text` is what it reads. Raises ProgramFailed."""
        try:
            done = subprocess.run(
                [name, *args], input=text, capture_output=True, text=True, errors="replace",
                env=self._env, timeout=limit_s, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise ProgramFailed(name, f"has not ended within {limit_s:g} s") from None
        except OSError as error:
            raise ProgramFailed(name, f"cannot be started ({error.strerror})") from error
        if done.returncode:
            raise ProgramFailed(name, _last_words(done.stderr or done.stdout, done.returncode))
        return done.stdout

    def follow(self, name: str, *args: str, line: Callable[[str], None]) -> None:
        """Each line that it says, as it comes, without a limit in time. Raises ProgramFailed."""
        said = []
        try:
            child = subprocess.Popen(
                [name, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, errors="replace", env=self._env,
            )  # fmt: skip
        except OSError as error:
            raise ProgramFailed(name, f"cannot be started ({error.strerror})") from error
        with child:
            for text in child.stdout or ():
                said.append(text)
                line(text.rstrip())
        if child.returncode:
            raise ProgramFailed(name, _last_words("".join(said[-5:]), child.returncode))


def _last_words(said: str, code: int) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return "; ".join(lines[-3:]) or f"exit code {code}"
