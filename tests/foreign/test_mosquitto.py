"""The lines of README and of the API reference that use mosquitto's own clients, as they are printed."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.evse_process import Evse

pytestmark = [
    pytest.mark.foreign,
    pytest.mark.skipif(shutil.which("mosquitto_rr") is None, reason="mosquitto-clients is not installed"),
]
ROOT = Path(__file__).parents[2]
LIMIT_S = 10


def commands(document: str) -> Iterator[str]:
    """Each mosquitto_... command of the shell blocks, with its continuation lines."""
    for block in re.findall(r"```sh\n(.*?)```", document, re.DOTALL):
        for command in re.split(r"^(?=\S)", block, flags=re.MULTILINE):
            if command.startswith("mosquitto_"):
                yield command.strip()


def from_documents() -> list[str]:
    texts = [(ROOT / name).read_text() for name in ("README.md", "docs/api.md")]
    return [command for text in texts for command in commands(text)]


def run(command: str, port: int) -> str:
    """Its output, at this broker and with an end."""
    more = {"mosquitto_sub": f"-W {LIMIT_S} -C 10", "mosquitto_rr": f"-W {LIMIT_S}"}
    program, _, rest = command.partition(" ")
    line = f"{program} -p {port} {more.get(program, '')} {rest}"
    shell = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=2 * LIMIT_S)
    assert shell.returncode == 0, f"{line}: {shell.stderr}"
    return shell.stdout


def test_there_are_lines_of_each_client() -> None:
    programs = {command.split()[0] for command in from_documents()}
    assert programs == {"mosquitto_sub", "mosquitto_pub", "mosquitto_rr"}


def test_every_line_works_as_printed(evse: Evse, broker) -> None:
    for command in from_documents():
        output = run(command, broker.port)
        if command.startswith("mosquitto_rr"):
            json.loads(output)
        elif command.startswith("mosquitto_sub"):
            topics = {line.split(" ", 1)[0] for line in output.splitlines()}
            assert all("/e2m/" in topic for topic in topics), output
            assert len(output.splitlines()) == 10


def test_a_token_is_accepted_by_one_line(evse: Evse, broker) -> None:
    evse.modify("iec_wait_pwr_ready;sleep 600")
    evse.expect("SessionStarted", "AuthRequired")
    authorize = next(command for command in from_documents() if "authorize_response" in command)
    run(authorize, broker.port)
    evse.expect("Authorized", "TransactionStarted", "PrepareCharging")
