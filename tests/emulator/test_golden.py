from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.emulator.conftest import Client

WIRE = Path(__file__).parent.parent / "wire"
REFUSED = {"messages/s0_system_in_messages_request.json": "max_tokens: field required"}


def golden(*folders: str) -> dict[str, dict[str, Any]]:
    """The golden files of these folders by name."""
    found = {
        f"{folder}/{path.name}": json.loads(path.read_text(encoding="utf-8"))
        for folder in folders
        for path in sorted((WIRE / folder).glob("*.json"))
    }
    return {name: data for name, data in found.items() if isinstance(data, dict)}


REQUESTS = {
    name: data
    for name, data in golden("chat", "messages", "count_tokens").items()
    if "request" in data and "path" in data
}
ERRORS = {name: data for name, data in golden("errors").items() if data.get("kind") == "transcribed"}


@pytest.mark.parametrize("name", REQUESTS)
def test_golden_requests_are_understood(client: Client, name: str) -> None:
    """Every request written from the documents is answered, but for the article's own incomplete sample."""
    response = client.http.request("POST", REQUESTS[name]["path"], json=REQUESTS[name]["request"])
    if name in REFUSED:
        assert (response.status_code, response.json()["error"]["message"]) == (400, REFUSED[name])
    else:
        assert response.status_code == 200, response.text


def provoked(client: Client, data: dict[str, Any]) -> Any:
    """The emulator's own answer in the situation of a transcribed error."""
    if data["status"] == 400:
        return client.message(max_tokens=None)
    if data["status"] == 401:
        return client.http.get("/models", headers={"authorization": "Bearer sk-wrong"})
    if data["status"] == 402:
        client.http.headers["authorization"] = f"Bearer {client.emulator.add_key(credits=0)}"
    if data["status"] == 429:
        client.http.headers["authorization"] = f"Bearer {client.emulator.add_key(credits=10**9)}"
        for _ in range(10):
            assert client.chat().status_code == 200
    if data["status"] == 503:
        client.emulator.fault(503)
    return client.chat()


@pytest.mark.parametrize("name", ERRORS)
def test_golden_errors_are_said_alike(connect: Callable[..., Client], name: str) -> None:
    """Each error that the documents print is the emulator's own, word for word."""
    expected = ERRORS[name]["body"]
    digits = expected["error"].get("code") == "429"
    response = provoked(connect(*(["digit-code-429"] if digits else [])), ERRORS[name])
    assert response.status_code == ERRORS[name]["status"]
    assert {key: value for key, value in response.json().items() if key != "retry_after"} == expected
