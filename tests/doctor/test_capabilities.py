"""The capabilities file: written by the doctor, read lazily by the core, and never above a setting."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from core.support import MODEL, Scripted, answer, client_of, json_reply, png
from doctor.servers import KEY, emulator, examined

from resayil import Client, ConfigurationError, ImagePart, ToolCallPart, assistant, tool_result, user
from resayil.adapt import Style
from resayil.capabilities import OLD, Capability, read_capabilities, write_capabilities

URL = "http://localhost:9/v1"
TURNS = [user("حاسب"), assistant(ToolCallPart("c1", "add", {"a": 1})), tool_result("c1", "5")]


def _written(
    path: Path, style: Style, *, vision: bool | None = None, age: float = 0.0, model: str = MODEL
) -> str:
    write_capabilities(path, URL, {model: Capability(style, vision, time.time() - age)})
    return str(path)


def test_what_the_doctor_found_spares_the_first_refusal(tmp_path: Path) -> None:
    """A client that reads the file sends the style that is understood at once."""
    made = emulator(profile="march-2026")
    report = examined(made)
    path = tmp_path / "capabilities.json"
    write_capabilities(path, report.base_url, report.capabilities)
    before = len(made.requests)
    given: dict[str, Any] = {"transport": made.transport(), "capabilities": str(path)}
    with Client(KEY, made.base_url, **given) as client:
        response = client.chat(report.model, TURNS)
    assert len(made.requests) == before + 1
    assert any("plain text" in said for said in response.adaptations)
    assert KEY.encode() not in path.read_bytes()


def test_a_setting_stands_above_the_file(tmp_path: Path) -> None:
    """``tool_result_style`` wins over what the file says, in both directions."""
    transport = Scripted(json_reply(answer()))
    path = _written(tmp_path / "c.json", Style(text_turns=True))
    client_of(transport, capabilities=path, tool_result_style="native").chat(MODEL, TURNS)
    client_of(transport, capabilities=path).chat(MODEL, TURNS)
    roles = [[turn["role"] for turn in body["messages"]] for body in transport.bodies]
    assert roles == [["user", "assistant", "tool"], ["user", "assistant", "user"]]


def test_the_variable_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``RESAYIL_CAPABILITIES`` is read where no argument is given, and only when it is needed."""
    monkeypatch.setenv("RESAYIL_CAPABILITIES", str(tmp_path / "c.json"))
    transport = Scripted(json_reply(answer()))
    client = client_of(transport)
    _written(tmp_path / "c.json", Style(fold_system=True))
    response = client.chat(MODEL, [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}])  # type: ignore[arg-type] # OpenAI's dicts
    assert "system messages" in response.adaptations[0]


def test_another_address_or_model_is_another_entry(tmp_path: Path) -> None:
    """What was found of one model at one address says nothing of others."""
    path = _written(tmp_path / "c.json", Style(text_turns=True), model="other")
    write_capabilities(
        path, "https://example.com/v1", {MODEL: Capability(Style(text_turns=True), None, time.time())}
    )
    transport = Scripted(json_reply(answer()))
    client_of(transport, capabilities=path).chat(MODEL, TURNS)
    assert transport.bodies[0]["messages"][2]["role"] == "tool"
    assert set(read_capabilities(path)) == {URL, "https://example.com/v1"}


def test_old_findings_are_not_believed(tmp_path: Path) -> None:
    """After thirty days the client asks for a new examination and tries as documented."""
    path = _written(tmp_path / "c.json", Style(text_turns=True), age=OLD + 10)
    transport = Scripted(json_reply(answer()))
    with pytest.warns(UserWarning, match="resayil doctor"):
        client_of(transport, capabilities=path).chat(MODEL, TURNS)
    assert transport.bodies[0]["messages"][2]["role"] == "tool"


def test_who_sees_is_known_from_the_file(tmp_path: Path) -> None:
    """A model that was found to see is not warned of; one found blind is, whatever its name."""
    path = tmp_path / "c.json"
    _written(path, Style(), vision=True, model="plain-name")
    _written(path, Style(), vision=False, model="my-vision-model")
    transport = Scripted(json_reply(answer()))
    client = client_of(transport, capabilities=str(path))
    picture = [user("ما هذا؟", ImagePart(png()))]
    client.chat("plain-name", picture)
    with pytest.warns(UserWarning, match="my-vision-model"):
        client.chat("my-vision-model", picture)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"entries": 3}', b'{"entries": {"u": {"m": {}}}}'])
def test_a_file_of_something_else_is_told(tmp_path: Path, content: bytes) -> None:
    """It is never overwritten or taken for nothing."""
    path = tmp_path / "c.json"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        client_of(Scripted(json_reply(answer())), capabilities=str(path)).chat(MODEL, "س")
    with pytest.raises(ConfigurationError):
        write_capabilities(path, URL, {})
    assert path.read_bytes() == content


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A folder that is not there is named, and not made."""
    with pytest.raises(ConfigurationError, match=r"nowhere.*cannot be written: No such file"):
        write_capabilities(tmp_path / "nowhere" / "c.json", URL, {})
    assert list(tmp_path.iterdir()) == []


def test_unknown_fields_of_a_newer_file_are_left_out(tmp_path: Path) -> None:
    """A file of a later version is read as far as it is understood."""
    path = Path(_written(tmp_path / "c.json", Style(text_turns=True)))
    told = json.loads(path.read_bytes())
    told["entries"][URL][MODEL]["style"]["telepathy"] = True
    path.write_text(json.dumps(told))
    assert read_capabilities(path)[URL][MODEL].style == Style(text_turns=True)
    assert read_capabilities(path)[URL][MODEL].age < 60
