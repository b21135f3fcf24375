"""``python -m tests.n8n.pictures``: each template's canvas in the real editor, as a picture."""

from __future__ import annotations

import sys
import tempfile
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from n8n.bench import SLUGS, TEMPLATES, template
from n8n.editor import signed_in
from n8n.install import install
from n8n.rest import Rest
from n8n.server import running

IMAGES = TEMPLATES.parent / "images"


def main() -> None:
    """Import every template into an empty n8n and write its picture."""
    install()
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as home,
        running(Path(home)) as server,
        closing(Rest(server.url)) as rest,
    ):
        rest.set_up_owner()
        with signed_in(server) as editor:
            for slug in SLUGS:
                # A node that calls its own workflow shows its id: a chosen one makes pictures repeatable.
                editor.show(rest.add(template(slug) | {"id": slug}))
                editor.picture(IMAGES / f"{slug}.png")
                print(IMAGES / f"{slug}.png")


if __name__ == "__main__":
    main()
