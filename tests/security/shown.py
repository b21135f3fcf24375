"""Everything that can be shown of a thing, as bytes, and everything that loggers are told."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import BaseModel, SecretStr

from resayil import ConfigurationError

DEPTH = 6
PACKAGES = {"resayil", "langchain_resayil", "litellm_provider", "security"}


def shown(thing: object) -> bytes:
    """A thing as text in every way, pickled, and with all that ``vars()`` leads to."""
    if isinstance(thing, bytes):
        return thing
    pieces = [_encoded(f"{inner!s} {inner!r}") for inner in _reachable(thing, DEPTH, set())]
    pieces += [_pickled(thing), _encoded(repr(_copied(thing)))]
    if isinstance(thing, BaseModel):
        pieces += [_encoded(repr(thing.model_dump())), _encoded(thing.model_dump_json())]
    if isinstance(thing, BaseException):
        for locals_too in (False, True):
            told = traceback.TracebackException.from_exception(thing, capture_locals=locals_too)
            pieces.append(_encoded("".join(told.format())))
    return b"\n".join(pieces)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _pickled(thing: object) -> bytes:
    try:
        return pickle.dumps(thing)
    except (TypeError, AttributeError, pickle.PicklingError, ConfigurationError) as error:
        return _encoded(str(error))  # refusing is right, as long as the refusal does not tell


def _copied(thing: object) -> object:
    try:
        return copy.copy(thing)
    except (TypeError, ConfigurationError) as error:
        return error


def _reachable(thing: object, depth: int, seen: set[int]) -> Iterator[object]:
    """The thing and what the attributes of the pack's own objects hold; httpx has to hold its headers."""
    if isinstance(thing, SecretStr) or id(thing) in seen:
        return
    seen.add(id(thing))
    yield thing
    if isinstance(thing, BaseException):
        yield from (inner for inner in (thing.__cause__, thing.__context__) if inner is not None)
    if depth and type(thing).__module__.split(".")[0] in PACKAGES:
        slots = (getattr(thing, name, None) for name in getattr(thing, "__slots__", ()))
        for inner in (*getattr(thing, "__dict__", {}).values(), *slots):
            yield from _reachable(inner, depth - 1, seen)


class _Listener(logging.Handler):
    """Keeps every record as text, with its arguments, its attributes and its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.told.append(f"{record.name}: {self.format(record)} {record.args!r} {record.__dict__!r}")


@contextmanager
def listening() -> Iterator[list[str]]:
    """What all loggers of the process say at DEBUG, for as long as the block lasts."""
    listener = _Listener()
    known = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    levels = {logger: logger.level for logger in (logging.root, *known)}
    heard = [logger for logger in levels if logger is logging.root or not logger.propagate]
    for logger in levels:
        logger.setLevel(logging.DEBUG)
    for logger in heard:
        logger.addHandler(listener)
    try:
        yield listener.told
    finally:
        for logger in heard:
            logger.removeHandler(listener)
        for logger, level in levels.items():
            logger.setLevel(level)
