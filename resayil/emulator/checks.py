"""Checks of what a request says, shared by all endpoints; a failure names the field."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from resayil.emulator.pictures import DATA_URL_SCHEME, UnreadableImageError, read_data_url
from resayil.emulator.refusals import RefusalError, invalid
from resayil.emulator.values import Json, JsonObject, Picture, ToolCall, Turn

BAD_REQUEST = 400
HTTPS = "https://"
WHOLE = re.compile(r"\d{1,9}")


def parsed(body: bytes) -> JsonObject:
    """The request body as an object.

    Raises:
        RefusalError: It is not JSON, or no object.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        message = f"The request body is not valid JSON: {str(error)[:120]}"
        raise RefusalError(BAD_REQUEST, message, malformed=True) from error
    if not isinstance(value, dict):
        raise RefusalError(BAD_REQUEST, "The request body must be a JSON object.", malformed=True)
    return value


def text(body: Mapping[str, Json], name: str) -> str:
    """A required, non-empty string."""
    value = body.get(name)
    if value is None:
        raise invalid(name, "field required")
    if not isinstance(value, str) or not value:
        raise invalid(name, "must be a non-empty string")
    return value


def boolean(body: Mapping[str, Json], name: str) -> bool:
    """An optional boolean; a string is not one."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(name, "must be a boolean (true or false, not a string)")
    return bool(value)


def in_range(body: Mapping[str, Json], name: str, low: float, high: float) -> None:
    """An optional number within its limits."""
    value = body.get(name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise invalid(name, f"must be a number between {low} and {high}")


def positive(body: Mapping[str, Json], name: str) -> int | None:
    """An optional whole number above zero."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise invalid(name, "must be a whole number greater than 0")
    return value


def whole(text: str) -> int | None:
    """A whole number as an address writes it; none where it is anything else, or beyond all reason."""
    return int(text) if WHOLE.fullmatch(text) else None


def strings(body: Mapping[str, Json], name: str) -> tuple[str, ...]:
    """An optional string or list of strings."""
    value = body.get(name)
    if value is None:
        return ()
    row = [value] if isinstance(value, str) else value
    if not isinstance(row, list) or not all(isinstance(item, str) for item in row):
        raise invalid(name, "must be an array of strings")
    return tuple(item for item in row if item)


def items(body: Mapping[str, Json], name: str, *, required: bool = False) -> list[JsonObject]:
    """A list of objects."""
    value = body.get(name)
    if value is None and not required:
        return []
    if not isinstance(value, list) or (required and not value):
        raise invalid(name, "field required" if value is None else "must be a non-empty array")
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            raise invalid(f"{name}.{index}", "must be an object")
    return value


def picture(url: Json, where: str) -> Picture:
    """The image behind an address: read when it came along, never fetched."""
    if not isinstance(url, str):
        raise invalid(where, "must be a string")
    if url.startswith(HTTPS):
        return Picture(url=url)
    if not url.startswith(DATA_URL_SCHEME):
        raise RefusalError(BAD_REQUEST, f"{where}: must be a base64 data: URL or an https:// URL")
    try:
        return read_data_url(url)
    except UnreadableImageError as error:
        raise RefusalError(BAD_REQUEST, f"{where}: Invalid image: {error}.") from error


def matched(turns: list[Turn], call_id: Json, where: str) -> str:
    """A tool result's id, which an earlier call must have."""
    known: list[ToolCall] = [call for turn in turns for call in turn.calls]
    if not isinstance(call_id, str) or not any(call.id == call_id for call in known):
        raise invalid(where, f"{call_id!r} does not match the id of any earlier tool call")
    return call_id
