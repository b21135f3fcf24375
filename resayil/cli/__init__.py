"""The ``resayil`` command.

Exit codes: 0 done; 1 the command failed, and says why and what to do; 2 the command was called wrongly,
or its packages are not installed.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

_NEEDED = ("typer", "rich")
USAGE_ERROR = 2


def main() -> None:
    """Run the command, or say which extra brings what it needs."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        print(
            f"The resayil command needs {' and '.join(missing)}: pip install 'resayil[cli,emulator]'",
            file=sys.stderr,
        )
        raise SystemExit(USAGE_ERROR)
    from resayil.cli.app import app  # noqa: PLC0415 - after the check above

    app()
