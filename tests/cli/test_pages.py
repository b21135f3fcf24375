"""The shell blocks of the pages on the command, run one after another in one folder, as a reader does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["docs/batch.md", "docs/command.md", "README.md", "README.ar.md"])
def test_the_blocks_of_a_page_run(page: str, service: Mapping[str, str], tmp_path: Path) -> None:
    """Each block ends well and prints something."""
    blocks = BLOCK.findall((ROOT / page).read_text("utf-8"))
    if page.startswith("README"):  # its blocks of make and of the proxy are run by tests of their own
        blocks = [block for block in blocks if block.startswith("resayil")]
    assert blocks
    environment = {**os.environ, **service, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for block in blocks:
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, block + ran.stdout + ran.stderr
        assert ran.stdout.strip(), block
