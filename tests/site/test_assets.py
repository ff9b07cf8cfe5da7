"""The scripts and fonts of others are the files that VENDORED.md says they are."""

import hashlib
import re
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[2] / "book" / "_assets" / "vendor"


def test_vendored_files_have_their_sums():
    listed = dict(
        re.findall(
            r"^\| `([^`]+\.(?:js|woff2))` .*\| `([0-9a-f]{64})` \|$",
            (VENDOR / "VENDORED.md").read_text(),
            re.M,
        )
    )
    assert set(listed) == {
        path.relative_to(VENDOR).as_posix() for kind in ("js", "woff2") for path in VENDOR.rglob(f"*.{kind}")
    }
    for name, digest in listed.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest
