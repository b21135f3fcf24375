"""The Batch format: a line asks with ``custom_id``, ``method``, ``url`` and ``body``, a line answers."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from resayil.batch.values import Outcome
from resayil.codecs import CODECS
from resayil.errors import ConfigurationError, MalformedResponseError, RequestError, ResayilError
from resayil.jsontext import dumps, loads
from resayil.messages import ChatRequest, ChatResponse, JSONFormat

ENDPOINT = "/chat/completions"
_KNOWN = frozenset({"custom_id", "method", "url", "body"})


class JsonLines:
    """A file of chat requests, one a line.

    Args:
        path: The file.
        model: The model of lines that name none.
        schema: JSON schema of the answers of lines that ask for no format.
    """

    def __init__(
        self, path: str | Path, *, model: str | None = None, schema: Mapping[str, Any] | None = None
    ) -> None:
        self.path = Path(path)
        self._model = model
        self._format = None if schema is None else JSONFormat(schema, str(schema.get("title", "response")))

    @property
    def plan(self) -> Mapping[str, Any]:
        """See `Source.plan`."""
        return {"model": self._model, "schema": self._format and self._format.schema}

    def records(self) -> Iterator[bytes]:
        """The lines that are not blank."""
        try:
            with self.path.open("rb") as lines:
                for line in lines:
                    if stripped := line.removeprefix(BOM_UTF8).strip():
                        yield stripped
        except OSError as error:
            raise ConfigurationError(f"The input cannot be read: {error}.") from error

    def request(self, record: bytes) -> ChatRequest:
        """See `Source.request`."""
        entry = _entry(record)
        if unknown := sorted(entry.keys() - _KNOWN):
            raise RequestError(f"A line has custom_id, method, url and body, not {', '.join(unknown)}.")
        method, url = entry.get("method", "POST"), entry.get("url", f"/v1{ENDPOINT}")
        if method != "POST" or not str(url).endswith(ENDPOINT):
            raise RequestError(f"A line asks by POST to /v1{ENDPOINT}, not {method!s:.20} {url!s:.80}.")
        body = entry.get("body")
        if not isinstance(body, Mapping):
            raise RequestError("A line's body is an object, the chat request.")
        given = {name: value for name, value in body.items() if name not in {"stream", "stream_options"}}
        if self._model is not None:
            given.setdefault("model", self._model)
        request = CODECS["chat"].read_request(given)
        if self._format is not None and request.response_format is None:
            request = replace(request, response_format=self._format)
        return request

    def head(self) -> str:
        """Nothing: there is no header."""
        return ""

    def line(self, number: int, record: bytes, outcome: Outcome) -> str:
        """See `Source.line`."""
        try:
            custom_id = _entry(record).get("custom_id")
        except RequestError:
            custom_id = None
        told: dict[str, Any] = {"id": f"batch_req_{number}", "custom_id": custom_id}
        result = outcome.result
        if isinstance(result, ChatResponse):
            answered = {"status_code": 200, "request_id": result.request_id, "body": completion(result)}
            return dumps({**told, "response": answered, "error": None}) + "\n"
        return dumps({**told, "response": _refusal(result), "error": described(result)}) + "\n"


def _entry(record: bytes) -> Mapping[str, Any]:
    try:
        entry = loads(record)
    except MalformedResponseError:
        raise RequestError("The line is not JSON.") from None
    if not isinstance(entry, Mapping):
        raise RequestError("A line is an object with custom_id, method, url and body.")
    return entry


def completion(response: ChatResponse) -> dict[str, Any]:
    """A whole answer as the body of a chat completion."""
    said = ChatRequest(response.model, (response.message,), reasoning_replay="always")
    usage = response.usage
    return {
        "id": response.id,
        "object": "chat.completion",
        "created": response.created or 0,
        "model": response.model,
        "choices": [
            {
                "index": 0,
                "message": CODECS["chat"].encode(said)["messages"][0],
                "finish_reason": response.finish_reason,
            }
        ],
        "usage": {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
        },
    }


def described(error: ResayilError) -> dict[str, Any]:
    """An error in a row: its class, the service's own code, what happened, and what came all the same."""
    told = {"type": type(error).__name__, "code": error.code, "message": error.message}
    return {**told, "partial_text": error.partial_text} if error.partial_text else told


def _refusal(error: ResayilError) -> dict[str, Any] | None:
    reply = error.response
    if reply is None:
        return None
    try:
        body = loads(reply.content)
    except MalformedResponseError:
        body = {"error": {"code": error.code, "message": error.message}}
    return {"status_code": reply.status_code, "request_id": reply.request_id, "body": body}
