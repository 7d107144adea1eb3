"""A whole evsed below the service manager of tests; a layer of the chain is removed by a drop-in."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from tests.chain.host import note_if_late
from tests.chain.service_manager import DropIns, Place, ServiceManager
from tests.system.bench import Broker
from tests.system.evse_process import Evse

NO_WATCHDOG = {"evsed.service": {"WatchdogSec": "0"}}
NO_SAFE = {"evsed.service": {"ExecStopPost": ""}}
# Where a busy host stops the world for a moment, the RCD seems not to act on its test.
NO_SELF_TEST = ("core.rcd_test_every_h=0",)


class ChainEvse(Evse):
    """state_dir: elsewhere than in the directory that ends with this."""

    manager: ServiceManager

    def __init__(
        self,
        broker: Broker,
        *settings: str,
        drop_ins: DropIns | None = None,
        state_dir: Path | None = None,
    ) -> None:
        super().__init__(broker, *NO_SELF_TEST, *settings)
        if state_dir is not None:
            self.store_path = state_dir / "evsed.sqlite"
        self._drop_ins = drop_ins
        self._managed = False

    def start(self) -> None:
        if "evsed.sim" not in self.running():
            self.start_world()
        self.store_path.parent.mkdir(exist_ok=True)
        arguments = ["--board", "sim", *(f"--set={setting}" for setting in self._settings)]
        place = Place(self.run_dir, self.store_path.parent, self.log_path, arguments)
        self.manager = ServiceManager(place, self._drop_ins)
        self._managed = True
        self.manager.start()

    def stop(self) -> int:
        """A planned stop of both services; control's exit code."""
        self.manager.stop()
        return self.manager.control.exits[-1]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._managed:
            self.manager.close()
        if error is not None:
            note_if_late(error, self.log)
        super().__exit__(kind, error, trace)

    def kill_all(self) -> None:
        super().kill_all()
        for service in (self.manager.control, self.manager.gateway) if self._managed else ():
            if service.process is not None:
                service.process.wait()


@contextmanager
def own_broker() -> Iterator[Broker]:
    directory = Path(tempfile.mkdtemp(prefix="evse-broker-", dir="/tmp"))
    os.chmod(directory, 0o755)
    broker = Broker(directory)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()
        shutil.rmtree(directory)
