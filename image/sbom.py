"""The image's bill of materials as SPDX 2.3 JSON: Debian packages, Python packages, firmware.

python image/sbom.py --version V --debian PACKAGES.tsv... --site SITE-PACKAGES --firmware DIR --out FILE
"""

import argparse
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

Package = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--version", required=True)
    parser.add_argument(
        "--debian",
        type=Path,
        nargs="+",
        required=True,
        help="files of lines: name, version, source, source's version",
    )
    parser.add_argument("--site", type=Path, required=True)
    parser.add_argument(
        "--firmware", type=Path, required=True, help="folder of files that are copied as they are"
    )
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    packages = [
        *(each for path in args.debian for each in debian(path)),
        *python(args.site),
        *firmware(args.firmware),
    ]
    args.out.write_text(json.dumps(document(args.version, packages), indent=1) + "\n")
    return 0


def debian(path: Path) -> Iterator[Package]:
    for line in path.read_text().splitlines():
        name, version, source, source_version = line.split("\t")
        name = name.partition(":")[0]
        yield package(
            name,
            version,
            f"pkg:deb/debian/{name}@{version}?arch=arm64",
            f"built from {source} {source_version}",
        )


def python(site: Path) -> Iterator[Package]:
    found = distributions(path=[str(site)])
    for each in sorted(found, key=lambda each: each.name.lower()):
        name = re.sub(r"[-_.]+", "-", each.name).lower()
        licence = str(each.metadata.json.get("license_expression", "NOASSERTION"))
        yield package(name, each.version, f"pkg:pypi/{name}@{each.version}", licence=licence)


def firmware(folder: Path) -> Iterator[Package]:
    for path in sorted(folder.iterdir()):
        if path.suffix in (".elf", ".dat", ".bin"):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            yield package(path.name, digest[:12], "", "on the boot partition", sha256=digest)


def package(
    name: str, version: str, url: str, comment: str = "", licence: str = "NOASSERTION", sha256: str = ""
) -> Package:
    entry: Package = {
        "SPDXID": "SPDXRef-"
        + re.sub(r"[^A-Za-z0-9.-]+", "-", f"{'py' if 'pypi' in url else 'os'}-{name}-{version}"),
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
    }
    if url:
        reference = {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": url}
        entry["externalRefs"] = [reference]
    if comment:
        entry["comment"] = comment
    if sha256:
        entry["checksums"] = [{"algorithm": "SHA256", "checksumValue": sha256}]
    return entry


def document(version: str, packages: list[Package]) -> dict[str, Any]:
    """The same for the same packages: the time is SOURCE_DATE_EPOCH, the name space is of the content."""
    made_at = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)
    digest = hashlib.sha256(json.dumps(packages, sort_keys=True).encode()).hexdigest()
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"evse-{version}-arm64",
        "documentNamespace": f"urn:evsed:sbom:{version}:{digest}",
        "creationInfo": {
            "created": made_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: evsed image/sbom.py"],
        },
        "packages": packages,
        "relationships": [
            {
                "spdxElementId": "SPDXRef-DOCUMENT",
                "relationshipType": "DESCRIBES",
                "relatedSpdxElement": p["SPDXID"],
            }
            for p in packages
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
