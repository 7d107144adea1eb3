"""A temporary directory of our own, with everything that the demo's processes write."""

import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

_TEMP_MAX_CHARACTERS = 30  # of the place for temporary files: the kernel takes 107 for a socket's path


class Workplace:
    """Context manager; at the end it is removed, the logs only if `keep_logs` was not set."""

    def __init__(self) -> None:
        temp = tempfile.gettempdir()
        self.root = Path(
            tempfile.mkdtemp(prefix="evsed-", dir=temp if len(temp) <= _TEMP_MAX_CHARACTERS else "/tmp")
        )
        self.run_dir, self.state_dir = self.root / "run", self.root / "state"
        self.keep_logs = False
        self.run_dir.mkdir()
        self.state_dir.mkdir()

    def log(self, name: str) -> Path:
        return self.root / f"{name}.log"

    def __enter__(self) -> "Workplace":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.keep_logs:
            shutil.rmtree(self.root, ignore_errors=True)
            return
        for path in self.root.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.suffix != ".log":
                path.unlink(missing_ok=True)


def environment(workplace: Workplace) -> dict[str, str]:
    """For evsed and evsectl: our directories, and nothing that a service manager left to us."""
    env = {name: value for name, value in os.environ.items() if name not in _OF_A_SERVICE}
    return {
        **env,
        "RUNTIME_DIRECTORY": str(workplace.run_dir),
        "STATE_DIRECTORY": str(workplace.state_dir),
    }


# A desktop's terminal is a service too: with its JOURNAL_STREAM evsed would write to the journal.
_OF_A_SERVICE = (
    "JOURNAL_STREAM",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
)
