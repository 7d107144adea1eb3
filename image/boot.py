"""scripts/boot-image: the very image of the Pi in QEMU, with a simulated board, vehicle and meter.

Its broker is reached by TLS on a port of this machine's loopback, as a real one is from the network. Its disk
is a new one at each start, unless --keep is given. Needs root, and scripts/build-image before.
"""

import argparse
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from image.qemu import CACHE, REPOSITORY, command, new_disk, tool

API = "everest_api/1/evse_manager_consumer/evse"
CARSIM = "everest_external/nodered/1/carsim/cmd/execute_charging_session"
USER = "trial"
TLS_PORT = 8883
PROVISION = """\
[mqtt_tls]
certificate = "server.crt"
key = "server.key"

[mqtt_users]
{user} = "{password}"

[evsed.board]
name = "sim"
"""
HINTS = """\
The image boots; its console follows. In two minutes or so, in other terminals:

  mosquitto_sub {login} -v -t '{api}/e2m/#'
  mosquitto_pub {login} -t {carsim} -m 'iec_wait_pwr_ready;sleep 1;draw_power_regulated 16,3;sleep 30;unplug'
  mosquitto_rr {login} -t {api}/m2e/get_evse -e evse_client/{user}/reply \\
    -m '{{"headers": {{"replyTo": "evse_client/{user}/reply"}}}}'

Ctrl-C ends it, as pulling the plug does.
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/boot-image", description=__doc__)
    parser.add_argument("image", type=Path, nargs="?", help="the newest of dist/ if none is given")
    parser.add_argument(
        "--port", type=int, default=0, help="where the broker is reached; 0 (default): any free one"
    )
    parser.add_argument("--keep", action="store_true", help="go on with the disk of the last time")
    args = parser.parse_args()
    folder = CACHE / "boot"
    image = args.image or newest(REPOSITORY / "dist")
    if image is None or not image.exists():
        print(
            f"boot-image: no image{f' {image}' if image else ' in dist/'}: scripts/build-image makes one",
            file=sys.stderr,
        )
        return 1
    port = args.port or free_port()
    login = folder / "login"
    if not (args.keep and login.exists()):
        password = secrets.token_urlsafe(12)
        new_disk(
            image,
            folder,
            {"evse-provision.toml": PROVISION.format(user=USER, password=password), **certificate(folder)},
        )
        login.write_text(f"-h localhost --cafile {folder / 'server.crt'} -u {USER} -P {password}")
    print(HINTS.format(login=f"-p {port} {login.read_text()}", api=API, carsim=CARSIM, user=USER), flush=True)
    return run(command(folder / "disk.img", {port: TLS_PORT}))


def newest(folder: Path) -> Path | None:
    return max(folder.glob("evse-*.img.zst"), key=lambda path: path.stat().st_mtime, default=None)


def certificate(folder: Path) -> dict[str, str]:
    """A certificate for localhost, signed by itself, and its key; the certificate stays in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        key, public = Path(made, "server.key"), folder / "server.crt"
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        openssl = (
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        )
        subject = ("-days", "3650", "-subj", "/CN=localhost", "-addext", names)
        subprocess.run(
            tool(*openssl, *subject, "-keyout", key, "-out", public), check=True, capture_output=True
        )
        return {"server.crt": public.read_text(), "server.key": key.read_text()}


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


def run(command_line: list[str]) -> int:
    """Until QEMU ends or somebody presses Ctrl-C, which is for us and not for the guest's console."""
    qemu = subprocess.Popen(command_line, stdin=subprocess.DEVNULL, process_group=0)

    def end(signum: int, frame: object) -> None:
        qemu.kill()

    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, end)
    while qemu.poll() is None:
        time.sleep(0.2)
    return 0 if qemu.returncode in (0, -signal.SIGKILL) else 1


if __name__ == "__main__":
    sys.exit(main())
