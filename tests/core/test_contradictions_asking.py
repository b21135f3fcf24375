"""Where the documents disagree on what to send: rows C1–C12, C14–C16, C26–C32 and C34–C35 of the table."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import httpx
import pytest
from core.support import (
    KEY,
    MODEL,
    WEATHER,
    Scripted,
    answer,
    client_of,
    emulator_of,
    json_reply,
    png,
)

import resayil
from resayil import (
    BadRequestError,
    Client,
    ConfigurationError,
    ImageError,
    ImagePart,
    NotFoundError,
    ToolCallPart,
    UnsupportedError,
    assistant,
    image_from_bytes,
    image_from_url,
    system,
    tool_result,
    user,
)
from resayil.config import ResayilWarning
from resayil.models import SNAPSHOT

PACKAGE = Path(resayil.__file__).parent
ROOT = PACKAGE.parent
SOURCES = [path for path in PACKAGE.rglob("*.py") if "emulator" not in path.parts]
VISION_MODEL = "qwen3-vl:235b-instruct"
HISTORY = (
    system("كن موجزًا"),
    user("ما الطقس؟"),
    assistant(ToolCallPart("call_1", "get_weather", {"city": "الكويت"})),
    tool_result("call_1", "٤١ درجة"),
)


def _told(*options: Any, **more: Any) -> tuple[Scripted, Client]:
    transport = Scripted(json_reply(answer()))
    return transport, client_of(transport, *options, **more)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("llmapi.resayil.io", "https://llmapi.resayil.io/v1"),
        ("https://llmapi.resayil.io", "https://llmapi.resayil.io/v1"),
        ("https://llmapi.resayil.io/v1/", "https://llmapi.resayil.io/v1"),
        ("https://llm.resayil.io/v1", "https://llm.resayil.io/v1"),
        ("https://llm.resayil.io/api", "https://llm.resayil.io/api/v1"),
        ("https://llm.resayil.io/api/v1/", "https://llm.resayil.io/api/v1"),
        ("https://llm.resayil.io/api/v1/chat/completions", "https://llm.resayil.io/api/v1"),
        ("https://llmapi.resayil.io/v1/messages", "https://llmapi.resayil.io/v1"),
        ("https://llmapi.resayil.io/v1/messages/count_tokens", "https://llmapi.resayil.io/v1"),
        ("https://llmapi.resayil.io/v1/models", "https://llmapi.resayil.io/v1"),
        ("https://llmapi.resayil.io/v1/v1", "https://llmapi.resayil.io/v1"),
        (" https://LLMAPI.Resayil.io/v1\n", "https://llmapi.resayil.io/v1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
    ],
)
def test_c01_any_form_of_the_base_url(given: str, expected: str) -> None:
    """A bare host, each documented path, a slash or a pasted endpoint all lead to one base URL."""
    with Client(KEY, given) as client:
        assert client.settings.base_url == expected


def test_c01_the_default_base_url() -> None:
    """Without a base URL the documented host without a proxy is called."""
    with Client(KEY) as client:
        assert client.settings.base_url == "https://llmapi.resayil.io/v1"


def test_c01_billing_stands_below_the_host() -> None:
    """Whatever the base URL's path, billing is asked at scheme and host plus /api/billing."""
    transport = Scripted(json_reply({"credits": 1}))
    Client(KEY, "https://llm.resayil.io/api/v1", transport=transport).balance()
    assert str(transport.requests[0].url) == "https://llm.resayil.io/api/billing/subscription"


def test_c01_the_whatsapp_gateway_is_refused() -> None:
    """The vendor's other API is named for what it is, before any byte goes there."""
    with pytest.raises(ConfigurationError, match="WhatsApp gateway"):
        Client(KEY, "https://api.resayil.io/v1")


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/v1/messages", "/api/v1/messages"])
def test_c02_the_emulator_answers_both_paths(path: str) -> None:
    """An Anthropic SDK that doubles /v1 is answered too; the README tells its users how not to."""
    emulator = emulator_of()
    body = {"model": MODEL, "max_tokens": 5, "messages": [{"role": "user", "content": "س"}]}
    with httpx.Client(transport=emulator.transport(), headers={"x-api-key": KEY}) as client:
        assert client.post(f"https://emulator.test{path}", json=body).status_code == 200


@pytest.mark.parametrize(
    "base_url", ["https://h.example/v1", "https://h.example", "https://h.example/v1/messages"]
)
def test_c02_the_client_never_doubles_the_path(base_url: str) -> None:
    """The pack joins the path itself: /v1 stands once, in both dialects."""
    transport = Scripted(json_reply({"content": [], "stop_reason": "end_turn"}))
    Client(KEY, base_url, transport=transport).chat(MODEL, "س", api="messages")
    assert transport.requests[0].url.path == "/v1/messages"


def test_c03_the_removed_call_is_shown_to_nobody() -> None:
    """``openai.ChatCompletion`` stands in no code and no guide, but in the table that lists it as dead."""
    guides = [*ROOT.glob("README*.md"), *SOURCES]
    assert not [path.name for path in guides if "openai.ChatCompletion" in path.read_text(encoding="utf-8")]
    assert "openai.ChatCompletion" in (ROOT / "docs/contradictions.md").read_text(encoding="utf-8")


def test_c04_images_go_to_chat_by_default() -> None:
    """``api="auto"`` sends a picture to the endpoint that takes pictures."""
    emulator = emulator_of()
    response = client_of(emulator.transport()).chat(VISION_MODEL, user("ما هذا؟", ImagePart(png())))
    assert emulator.requests[0].path.endswith("/chat/completions")
    assert response.text


@pytest.mark.parametrize("where", ["client", "call"])
def test_c04_images_on_messages_raise_before_sending(where: str) -> None:
    """A forced messages dialect refuses a picture with the reason, and nothing is sent."""
    transport, client = _told(**({"api": "messages"} if where == "client" else {}))
    options: Any = {"api": "messages"} if where == "call" else {}
    with pytest.raises(UnsupportedError, match="rejects images"):
        client.chat(VISION_MODEL, user("ما هذا؟", ImagePart(png())), **options)
    assert not transport.requests


def test_c04_one_switch_lifts_the_refusal() -> None:
    """The day the service takes images there, a setting is enough."""
    transport = Scripted(json_reply({"content": [], "stop_reason": "end_turn"}))
    client = client_of(transport, api="messages", allow_images_on_messages=True)
    client.chat(VISION_MODEL, user("ما هذا؟", ImagePart(png())))
    source = transport.bodies[0]["messages"][0]["content"][1]["source"]
    assert (source["type"], source["media_type"]) == ("base64", "image/png")


def test_c05_a_picture_is_a_data_url_with_its_true_type() -> None:
    """The media type comes from the bytes, in the field that the chat dialect has for it."""
    transport, client = _told()
    client.chat(VISION_MODEL, user("ما هذا؟", image_from_bytes(b"\xff\xd8\xff\xe0jpeg")))
    part = transport.bodies[0]["messages"][0]["content"][1]
    assert part == {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9j/4GpwZWc="}}


def test_c05_the_size_cap_is_a_setting() -> None:
    """A picture above the cap is refused before anything is sent."""
    transport, client = _told(max_image_bytes=100)
    with pytest.raises(ImageError, match="max_image_bytes"):
        client.chat(VISION_MODEL, user(ImagePart(png(pad=200))))
    assert not transport.requests


def test_c05_an_https_address_passes_with_one_warning() -> None:
    """It goes through unchanged, and the warning that only base64 is documented comes once."""
    transport, client = _told()
    url = "https://example.com/صورة.png?x=%20y"
    with pytest.warns(ResayilWarning, match="base64") as caught:
        client.chat(VISION_MODEL, user(image_from_url(url)))
    assert len(caught) == 1
    for _ in range(2):
        client.chat(VISION_MODEL, user(image_from_url(url)))
    sent = [body["messages"][0]["content"][0]["image_url"]["url"] for body in transport.bodies]
    assert sent == [url] * 3


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.png", "file:///etc/passwd", "/etc/passwd", "picture.png", "ftp://example.com/a",
        "https://127.0.0.1/a", "https://localhost/a", "https://10.0.0.5/a", "https://169.254.169.254/latest",
        "https://192.168.1.1/a", "https://[::1]/a", "https://[fe80::1]/a", "https://[::ffff:10.0.0.1]/a",
        "https://2130706433/a", "https://0x7f.1/a", "https://0177.0.0.1/a", "https://printer/a",
        "https://nas.local/a", "https://x.internal/a", "https://router.home.arpa/a", "https://localhost./a",
        "https://224.0.0.1/a", "https://user:pw@example.com/a", "https://example.com/a b", "https:///a",
        "https://[::1/a", "javascript:alert(1)", "", "https://[2002:7f00:1::]/a", "https://[64:ff9b::7f00:1]/a",
    ],
)  # fmt: skip
def test_c05_other_addresses_raise(url: str) -> None:
    """Other schemes, paths, and private or local hosts in any spelling are refused when the part is made."""
    with pytest.raises(ImageError):
        image_from_url(url)


def test_c06_category_then_name_tell_that_a_model_sees() -> None:
    """A listed category or a telling name needs no warning."""
    transport, client = _told()
    picture = ImagePart(png())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client.chat(VISION_MODEL, user(picture))
        client.chat("some-new-vl:7b", user(picture))
        client.chat("llava-next", user(picture))
    assert len(transport.requests) == 3


def test_c06_an_unknown_model_is_warned_about_and_asked() -> None:
    """Nobody knows whether it sees: it gets a warning and its chance; a blind server's answer is typed."""
    emulator = emulator_of("blind-400")
    client = client_of(emulator.transport())
    with pytest.warns(ResayilWarning, match="not known"), pytest.raises(BadRequestError):
        client.chat("mistral", user("ما هذا؟", ImagePart(png())))
    assert len(emulator.requests) == 1


def test_c07_a_tool_turn_is_native_first() -> None:
    """Role tool on chat, a tool_result block on messages."""
    transport, client = _told()
    client.chat(MODEL, HISTORY)
    assert transport.bodies[0]["messages"][3] == {
        "role": "tool",
        "tool_call_id": "call_1",
        "content": "٤١ درجة",
    }
    transport = Scripted(json_reply({"content": [], "stop_reason": "end_turn"}))
    client_of(transport, api="messages").chat(MODEL, HISTORY)
    assert transport.bodies[0]["messages"][2] == {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "٤١ درجة"}],
    }


def test_c07_a_refused_tool_turn_is_said_in_text_and_remembered() -> None:
    """A 422 that names the role is answered by plain text turns, at once, and only once per model."""
    emulator = emulator_of("tool-role-422")
    client = client_of(emulator.transport())
    first, second = (client.chat(MODEL, HISTORY) for _ in range(2))
    assert [request.status for request in emulator.requests] == [422, 200, 200]
    assert "plain text" in " ".join(first.adaptations)
    assert second.adaptations == first.adaptations
    turns = emulator.requests[1].body["messages"]
    assert [turn["role"] for turn in turns] == ["system", "user", "assistant", "user"]
    assert "٤١ درجة" in turns[3]["content"]
    assert "call_1" in turns[3]["content"]
    assert "الكويت" in turns[2]["content"]


def test_c08_a_refused_system_turn_is_folded_into_the_first_user_turn() -> None:
    """System goes out as system; refused, it heads the first user turn, and the model's way is remembered."""
    emulator = emulator_of("system-role-422")
    client = client_of(emulator.transport())
    responses = [client.chat(MODEL, HISTORY[:2]) for _ in range(2)]
    assert [request.status for request in emulator.requests] == [422, 200, 200]
    assert emulator.requests[0].body["messages"][0]["role"] == "system"
    assert emulator.requests[1].body["messages"] == [{"role": "user", "content": "كن موجزًا\n\nما الطقس؟"}]
    assert all("system" in " ".join(response.adaptations) for response in responses)


def test_c09_system_turns_are_hoisted_on_messages() -> None:
    """Several system turns, wherever they stand, are one top-level text."""
    transport = Scripted(json_reply({"content": [], "stop_reason": "end_turn"}))
    turns = [
        {"role": "system", "content": "أ"},
        {"role": "user", "content": "س"},
        {"role": "system", "content": "ب"},
    ]
    client_of(transport, api="messages").chat(MODEL, turns)
    assert transport.bodies[0]["system"] == "أ\n\nب"
    assert transport.bodies[0]["messages"] == [{"role": "user", "content": "س"}]


def test_c10_max_tokens_is_always_sent_on_messages() -> None:
    """1,024 by default, a setting's or a call's figure otherwise; chat sends none unasked."""
    for settings, options, expected in (
        ({}, {}, 1024),
        ({"default_max_tokens": 7}, {}, 7),
        ({}, {"max_tokens": 3}, 3),
    ):
        transport = Scripted(json_reply({"content": [], "stop_reason": "end_turn"}))
        client_of(transport, api="messages", **settings).chat(MODEL, "س", **options)
        assert transport.bodies[0]["max_tokens"] == expected
    transport, client = _told()
    client.chat(MODEL, "س")
    assert "max_tokens" not in transport.bodies[0]


def test_c11_temperature_is_sent_only_if_set() -> None:
    """Unset is absent; 0 and 0.0 are set; above 1 is refused for messages, above 2 for chat, locally."""
    transport, client = _told()
    client.chat(MODEL, "س")
    client.chat(MODEL, "س", temperature=0)
    client.chat(MODEL, "س", temperature=0.0, top_p=0.0)
    client.chat(MODEL, "س", temperature=2.0)
    assert [body.get("temperature") for body in transport.bodies] == [None, 0, 0.0, 2.0]
    assert transport.bodies[2]["top_p"] == 0.0
    for api, value in (("messages", 1.01), ("chat", 2.01), ("chat", -0.1)):
        with pytest.raises(UnsupportedError, match="temperature"):
            client.chat(MODEL, "س", temperature=value, api=api)
    assert len(transport.requests) == 4


def test_c12_streaming_is_asked_for_in_the_body() -> None:
    """JSON true in the body, nothing in the URL; a plain call says nothing."""
    emulator = emulator_of()
    client = client_of(emulator.transport())
    for api in ("chat", "messages"):
        list(client.stream(MODEL, "س", api=api))
    client.chat(MODEL, "س")
    assert [request.body.get("stream") for request in emulator.requests] == [True, True, None]
    assert not any(request.query for request in emulator.requests)


@pytest.mark.parametrize("oddities", [(), ("think-tags",), ("reasoning-field",)])
@pytest.mark.parametrize("api", ["chat", "messages"])
def test_c14_reasoning_has_one_channel(oddities: tuple[str, ...], api: str) -> None:
    """Field, other field, blocks or leading tags: reasoning is apart from text, called and streamed."""
    emulator = emulator_of(*oddities)
    client = client_of(emulator.transport(), api=api)
    for _ in range(2):
        emulator.reply("القاهرة", reasoning="أفكر في السؤال")
    stream = client.stream("deepseek-v4-pro", "س")
    list(stream)
    for response in (client.chat("deepseek-v4-pro", "س"), stream.response()):
        # The blank line behind a tag is the model's own text, which is never altered.
        assert (response.reasoning, response.text.lstrip("\n")) == ("أفكر في السؤال", "القاهرة")


def test_c14_thinking_is_a_matter_of_the_model() -> None:
    """No parameter is sent for it, and reasoning in the history does not go back unless asked."""
    emulator = emulator_of()
    emulator.reply("القاهرة", reasoning="أفكر")
    client = client_of(emulator.transport())
    first = client.chat("deepseek-v4-pro", "س")
    client.chat("deepseek-v4-pro", [user("س"), first.message, user("وبعد؟")])
    assert not any("thinking" in request.body for request in emulator.requests)
    assert "أفكر" not in str(emulator.requests[1].body)
    replaying = client_of(emulator.transport(), reasoning_replay="always")
    replaying.chat(MODEL, [user("س"), first.message, user("؟")])
    assert "أفكر" in str(emulator.requests[2].body)


FIELDS = ("token-count-field", "total-tokens-field", "tokens-field", "usage-count-field")


@pytest.mark.parametrize("oddities", [(), *((name,) for name in FIELDS)])
def test_c15_tokens_are_counted_by_the_service(oddities: tuple[str, ...]) -> None:
    """Model, messages, system and tools are counted, under whatever name the count comes."""
    emulator = emulator_of(*oddities)
    count = client_of(emulator.transport()).count_tokens(MODEL, HISTORY, tools=[WEATHER])
    assert not count.estimated
    assert count.low == count.tokens == count.high > 0
    assert emulator.requests[0].body.keys() == {"model", "messages", "system", "tools"}


@pytest.mark.parametrize("status", [404, 405, 422, 501])
def test_c15_no_counting_means_an_estimate(status: int) -> None:
    """Where the service does not count, a marked local estimate answers."""
    emulator = emulator_of()
    emulator.fault(status)
    count = client_of(emulator.transport()).count_tokens(MODEL, HISTORY)
    assert count.estimated
    assert count.source == "local"
    assert count.low < count.tokens < count.high


def test_c15_other_refusals_are_told() -> None:
    """A wrong key is not hidden behind an estimate."""
    emulator = emulator_of()
    emulator.fault(401)
    with pytest.raises(resayil.AuthenticationError):
        client_of(emulator.transport()).count_tokens(MODEL, "س")


@pytest.mark.parametrize("oddities", [(), ("billing-404",), ("wrapped-billing",)])
def test_c16_topups_are_read_never_bought(oddities: tuple[str, ...]) -> None:
    """The packs come from the billing pages or from the article's; nothing but GET is ever sent."""
    emulator = emulator_of(*oddities)
    client = client_of(emulator.transport())
    packs = client.topups()
    assert all(pack.credits and pack.price for pack in packs)
    if "billing-404" not in oddities:
        assert isinstance(client.topup_history(page=2), list)
        assert emulator.requests[-1].query == {"page": "2"}
    assert {request.method for request in emulator.requests} == {"GET"}


def test_c16_buying_is_a_link() -> None:
    """Without credits the error says where they are bought."""
    emulator = emulator_of()
    emulator.fault(402)
    with pytest.raises(resayil.InsufficientCreditsError, match="/billing/plans"):
        client_of(emulator.transport()).chat(MODEL, "س")


def test_c26_no_model_count_is_written_down() -> None:
    """The live list is what the service says, long or short; the offline one calls itself a snapshot."""
    transport = Scripted(json_reply({"data": [{"id": f"model-{n}"} for n in range(77)]}))
    assert len(client_of(transport).models()) == 77
    text = "".join(path.read_text(encoding="utf-8") for path in SOURCES)
    assert not re.search(r"\b(?:39|45)\+? (?:active )?models", text)
    assert "snapshot, not the live list" in text


def test_c27_unknown_ids_pass_and_a_404_suggests() -> None:
    """Ids with colons, slashes and capitals go out as they are; a wrong one is answered with the nearest."""
    transport, client = _told()
    for model in ("library/Kimi-K2:1t", "x", "new:model/of.Tomorrow"):
        client.chat(model, "س")
    assert [body["model"] for body in transport.bodies] == [
        "library/Kimi-K2:1t",
        "x",
        "new:model/of.Tomorrow",
    ]
    emulator = emulator_of()
    with pytest.raises(NotFoundError, match="deepseek-v4-flash") as caught:
        client_of(emulator.transport()).chat("deepseek-v4-flahs", "س")
    assert caught.value.status_code == 404


def test_c27_suggestions_come_from_the_live_list() -> None:
    """Once the list was read, suggestions name what is on it."""
    missing = json_reply({"error": {"code": 404, "message": "Model 'brand-nwe' not found."}}, 404)
    client = client_of(Scripted(json_reply({"data": [{"id": "brand-new"}]}), missing))
    client.models()
    with pytest.raises(NotFoundError, match="Nearest known ids to 'brand-nwe': brand-new"):
        client.chat("brand-nwe", "س")


def test_c28_every_field_of_a_model_is_optional() -> None:
    """An id is enough, strings are models too, unknown fields are kept, either multiplier counts."""
    items = [
        {"id": "a"},
        {"id": "b", "credit_multiplier": "1.5", "x_new": [1]},
        {"id": "c", "credit_cost_multiplier": 2, "credit_multiplier": 9, "context_window": 5},
        "d",
        {"name": "no id"},
        7,
    ]
    found = {info.id: info for info in client_of(Scripted(json_reply(items))).models()}
    assert list(found) == ["a", "b", "c", "d"]
    assert found["a"].credit_multiplier is None
    assert (str(found["b"].credit_multiplier), found["b"].extra) == ("1.5", {"x_new": [1]})
    assert (found["c"].credit_multiplier, found["c"].context_window) == (2, 5)


def test_c30_the_client_sends_bearer_and_nothing_else() -> None:
    """One header carries the key, on every endpoint and in both dialects; the emulator takes either."""
    emulator = emulator_of()
    client = client_of(emulator.transport())
    client.chat(MODEL, "س")
    client.chat(MODEL, "س", api="messages")
    client.models()
    client.count_tokens(MODEL, "س")
    client.balance()
    assert all(request.headers["authorization"].startswith("Bearer ") for request in emulator.requests)
    assert not any("x-api-key" in request.headers for request in emulator.requests)
    with httpx.Client(transport=emulator.transport(), headers={"x-api-key": KEY}) as other:
        assert other.get(f"{emulator.base_url}/models").status_code == 200


@pytest.mark.parametrize("given", [f" {KEY}\n", f"Bearer {KEY}", f"\tbearer  {KEY} \r\n"])
def test_c31_pasted_keys_are_cleaned(given: str) -> None:
    """White space and a pasted Bearer fall away."""
    emulator = emulator_of()
    Client(given, emulator.base_url, transport=emulator.transport()).models()
    assert emulator.requests[0].status == 200


@pytest.mark.parametrize(
    "given", ["sk-مفتاح", "sk-a\r\nx-evil: 1", "sk-a b", "sk-\u200bhidden", "sk-a\x00b", "Bearer ", " "]
)
def test_c31_other_characters_are_refused_without_showing_the_key(given: str) -> None:
    """The message tells what is wrong and where, and shows no part of the key."""
    with pytest.raises(ConfigurationError) as caught:
        Client(given)
    assert "sk-" not in str(caught.value)


def test_c32_tools_only_and_the_old_reply_is_read() -> None:
    """``functions`` is never sent; a reply with ``function_call`` is a tool call all the same."""
    emulator = emulator_of("legacy-function-call")
    client = client_of(emulator.transport())
    for _ in range(2):
        emulator.call("get_weather", {"city": "الكويت"})
    stream = client.stream(MODEL, "س", tools=[WEATHER])
    list(stream)
    for response in (client.chat(MODEL, "س", tools=[WEATHER]), stream.response()):
        assert [(call.name, call.arguments) for call in response.tool_calls] == [
            ("get_weather", {"city": "الكويت"})
        ]
        assert response.tool_calls[0].id
        assert response.finish_reason == "tool_calls"
    assert all("tools" in request.body and "functions" not in request.body for request in emulator.requests)


def test_c34_no_tokenizer_is_claimed() -> None:
    """An estimate has a low and a high figure and depends on the model; no tokenizer is shipped."""
    text = "مرحبًا بك في المتجر، كيف أساعدك اليوم؟ " * 20
    client = client_of(Scripted(json_reply({}, 404)))
    counts = {model: client.count_tokens(model, text) for model in ("qwen2.5:7b", "kimi-k2:1t", "unknown")}
    assert len({count.tokens for count in counts.values()}) == 3
    for count in counts.values():
        assert count.estimated
        assert count.low < count.tokens < count.high
    assert counts["unknown"].high > counts["qwen2.5:7b"].high


def test_c35_both_styles_of_n8n_node_find_what_they_ask() -> None:
    """A Header Auth HTTP node and a chat node with a base URL both work (the templates come with n8n)."""
    emulator = emulator_of()
    headers = {"authorization": f"Bearer {KEY}"}
    body = {"model": MODEL, "messages": [{"role": "user", "content": "س"}]}
    with httpx.Client(transport=emulator.transport(), headers=headers) as node:
        origin = emulator.base_url.removesuffix("/v1")
        for base in (f"{origin}/api/v1", f"{origin}/v1"):
            assert node.get(f"{base}/models").json()["data"]
            assert node.post(f"{base}/chat/completions", json=body).json()["choices"]


def test_c27_the_snapshot_holds_ids_of_the_documents() -> None:
    """What is known offline are the documents' own ids, with what they say and nothing made up."""
    assert SNAPSHOT["qwen3-vl:235b-instruct"].category == "vision"
    assert SNAPSHOT["llama3.2:3b"].context_window == 8192
    assert SNAPSHOT["mistral"].context_window is None
