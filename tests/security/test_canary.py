"""One made-up key over every surface of the pack: it shows on none of them."""

from __future__ import annotations

import base64
import gzip
import logging
import pickle
from pathlib import Path
from urllib.parse import quote

import pytest
import zstandard
from faults.server import served
from limits.conftest import redis_server
from security.canary import CANARY, leaks, unpacked
from security.keepers import KEEPERS
from security.shown import listening, shown
from security.surfaces import SURFACES, Stage

from resayil import ResayilError
from resayil.redaction import mask

__all__ = ["redis_server"]  # a fixture

LIBRARIES = {"A04 clients": ("httpcore", "httpx"), "A07 LangChain": ("httpcore", "httpx")}
"""Loggers that must have said something on a surface, so that silence is no proof."""


@pytest.mark.filterwarnings("ignore:.*was never closed:ResourceWarning")
@pytest.mark.parametrize("name", SURFACES)
def test_the_key_shows_nowhere(name: str, tmp_path: Path) -> None:
    """Used well and badly, with all loggers at DEBUG, the surface shows no part of the key."""
    surface = SURFACES[name]
    with served([]) as server, listening() as told:
        everything = [shown(thing) for thing in surface.use(Stage(server, tmp_path))]
    everything += [line.encode("utf-8", "replace") for line in told]
    assert any(surface.sign in data for piece in everything for data in unpacked(piece))
    for library in LIBRARIES.get(name, ()):
        assert any(line.startswith(library) for line in told), library
    assert [leak for piece in everything for leak in leaks(piece)] == []


WORDS = "plain words that are no key"
SLOW = {"LiteLLM's proxy", "n8n"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in KEEPERS]
)
def test_words_are_kept_and_the_key_is_not(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Each place holds a request's words and no part of its key; a key among the words is found there."""
    with (
        served([]) as server,
        listening() as told,
        KEEPERS[name](Stage(server, tmp_path), request.getfixturevalue) as keeper,
    ):
        everything = [shown(thing) for thing in keeper.ask(WORDS)]
        kept = keeper.kept()
        everything += [*kept.values(), *(line.encode("utf-8", "replace") for line in told)]
        assert [place for place, data in kept.items() if WORDS.encode() not in data] == []
        assert [leak for piece in everything for leak in leaks(piece)] == []
        list(keeper.ask(CANARY))
        assert [place for place, data in keeper.kept().items() if not leaks(data)] == []


class PlantedError(ResayilError):
    """An error that holds the key where nobody looks at once."""

    def __init__(self) -> None:
        super().__init__("nothing to see here")
        self.detail = {"key": CANARY}


def planted_in_locals() -> ResayilError:
    """An error whose frames hold the key."""

    def fail(key: str) -> None:
        raise ResayilError(f"a key of {len(key)} characters")

    try:
        fail(f"Bearer {CANARY}")
    except ResayilError as error:
        return error
    raise AssertionError


def planted_in_a_cause() -> ResayilError:
    """An error whose cause holds the key."""
    error = ResayilError("outer")
    error.__cause__ = ValueError(CANARY)
    return error


HEADER = f"Authorization: Bearer {CANARY}".encode()
PLANTED = {
    "plain": HEADER,
    "a part": CANARY[5:20].encode(),
    "URL-quoted": quote(CANARY, safe="").encode(),
    "basic authorization": base64.b64encode(f"user:{CANARY}".encode()),
    **{f"base64 at {n}": base64.b64encode(bytes(n) + HEADER) for n in range(3)},
    "URL-safe base64": base64.urlsafe_b64encode(HEADER),
    "hexadecimal": HEADER.hex().encode(),
    "UTF-16": CANARY.encode("utf-16-le"),
    "gzip": b"multipart" + gzip.compress(HEADER) + b"more",
    "zstd": b"multipart" + zstandard.compress(HEADER) + b"more",
    "pickle": pickle.dumps({"headers": {"x-api-key": CANARY}}),
    "an attribute": PlantedError(),
    "local variables": planted_in_locals(),
    "a cause": planted_in_a_cause(),
}


@pytest.mark.parametrize("form", PLANTED)
def test_a_planted_key_is_found(form: str) -> None:
    """The search finds a key in every form, so that finding none means something."""
    assert leaks(shown(PLANTED[form]))


def test_a_logged_key_is_found() -> None:
    """So does the listener, in a logger that tells nobody else."""
    logger = logging.getLogger("security.quiet")
    logger.propagate = False
    with listening() as told:
        logger.debug("headers %s", {"authorization": CANARY})
    assert leaks("\n".join(told).encode())


def test_the_mask_is_no_leak() -> None:
    """What the pack shows instead of a key is not taken for one."""
    assert not leaks(mask(CANARY).encode())
