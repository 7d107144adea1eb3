"""scripts/gen-docs: what is made of tables, and whether it is as they are now."""

import argparse
import importlib.metadata
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from evsed.api.asyncapi import document
from scripts.docs import coverage, faults, reference
from scripts.tour_files import INTERFACES

ROOT = Path(__file__).parents[2]
EXAMPLES = Path(__file__).parent / "examples.json"
TOUR_LIMIT_S = 180.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/gen-docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a file is stale")
    parser.add_argument("--capture", action="store_true", help="take the examples anew from a run of evsed")
    args = parser.parse_args()
    if args.capture and not _captured():
        return 1
    wanted = files()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        print(
            f"gen-docs: {path.relative_to(ROOT)} {'is stale' if args.check else 'written'}", file=sys.stderr
        )
        if not args.check:
            path.write_text(wanted[path])
    return 1 if args.check and stale else 0


def files() -> dict[Path, str]:
    """The text that each of them should have."""
    made = document(INTERFACES, importlib.metadata.version("evsed"))
    return {
        ROOT / "evsed/api/asyncapi.json": json.dumps(made, indent=1) + "\n",
        ROOT / "docs/api.md": reference.text(made, examples()),
        ROOT / "docs/api-coverage.md": coverage.text(coverage.load()),
        ROOT / "docs/faults.md": faults.text(),
    }


def examples() -> dict[str, dict[str, Any]]:
    """By address: one payload, and a request's reply, as they came in a run."""
    found: dict[str, dict[str, Any]] = json.loads(EXAMPLES.read_text()) if EXAMPLES.exists() else {}
    return found


def _captured() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        tour = subprocess.run([ROOT / "scripts/tour", "--out", folder], timeout=TOUR_LIMIT_S)
        if tour.returncode == 0:
            shutil.copy(Path(folder) / "EXAMPLES.json", EXAMPLES)
    return tour.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
