"""JSON as it goes over the wire: UTF-8 never escaped, and read in the face of small breaches."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import from_json

from resayil.errors import MalformedResponseError, RequestError

_TOLERANT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_STRICT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def dumps(value: Any) -> str:
    """Compact JSON text in which Arabic stands as Arabic.

    Raises:
        RequestError: a NaN or an object that JSON cannot hold.
    """
    try:
        return _STRICT.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise RequestError(f"The request cannot be written as JSON: {error}.") from error


def retold(value: Any) -> str:
    """What the wire said, as JSON text again; a NaN stays one, for its reader to refuse."""
    return _TOLERANT.encode(value)


def dump_bytes(value: Any) -> bytes:
    """A request body; the same value gives the same bytes.

    Raises:
        RequestError: a lone surrogate, a NaN or an object that JSON cannot hold.
    """
    try:
        return dumps(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise RequestError(f"The request cannot be written as UTF-8: {error}.") from error


def shown(value: object) -> bytes:
    """A value of the wire as it was, for an error to show; nothing in it can raise."""
    return retold(value).encode("utf-8", "replace")


def loads(data: bytes | str) -> Any:
    """The value of a reply or of one event's data.

    Raw control characters and lone surrogates in strings, which strict parsers refuse, are read: the
    first as they are, the second as U+FFFD.

    Raises:
        MalformedResponseError: not JSON, not UTF-8, or nested deeper than any answer is.
    """
    try:
        return from_json(data)
    except (ValueError, TypeError):  # the second for text that is no Unicode
        return _lenient(data)


def _lenient(data: bytes | str) -> Any:
    try:
        return _encodable(json.loads(data, strict=False))
    except (ValueError, RecursionError) as error:
        raise MalformedResponseError(f"The reply is not JSON: {error}.") from None


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return value
