from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.emulator.conftest import Client

STRING, NUMBER, INTEGER = {"type": "string"}, {"type": "number"}, {"type": "integer"}


def tool(
    name: str, description: str = "", /, *, optional: tuple[str, ...] = (), **properties: Any
) -> dict[str, Any]:
    """A tool whose parameters are all required but the named ones."""
    required = [key for key in properties if key not in optional]
    parameters = {"type": "object", "properties": properties, "required": required}
    return {"name": name, "description": description, "parameters": parameters}


ADD = tool("my_adder_tool", "Takes two integers, a and b, and returns their sum.", a=INTEGER, b=INTEGER)
FIND = tool("search", "Search the shop.", query=STRING, limit=INTEGER, optional=("limit",))
SUM = tool("sum", a=NUMBER, b=NUMBER)
TIME = tool("get_time", "Tell the local time of a place.", location=STRING)
MAIL = tool("send_email", "Send an email to someone.", recipient=STRING, email=STRING, body=STRING)
ORDER = tool("get_order_status", "Tell where an order is.", order_id=STRING)
TRANSFER = tool("transfer", "Move money.", amount=NUMBER, from_account=STRING, optional=("from_account",))

CALLED: dict[str, tuple[str, list[dict[str, Any]], list[tuple[str, Any]]]] = {
    "numbers in order": ("What is 1 + 2", [ADD], [("my_adder_tool", {"a": 1, "b": 2})]),
    "a place": (
        "What is the weather in San Francisco, CA?",
        [TIME, tool("get_weather", location=STRING)],
        [("get_weather", {"location": "San Francisco, CA"})],
    ),
    "an Arabic question to an English tool": (
        "ما حالة الطقس في الكويت اليوم؟",
        [TIME, tool("get_weather", location=STRING)],
        [("get_weather", {"location": "الكويت"})],
    ),
    "an Arabic tool": (
        "احسبي مجموع الفاتورة ١٢٫٥٠٠ و ٣",
        [tool("حساب_الفاتورة", "يحسب مجموع الفاتورة", مبالغ={"type": "array", "items": NUMBER})],
        [("حساب_الفاتورة", {"مبالغ": [12.5, 3]})],
    ),
    "thousands and decimals": ("What is 1,234.5 + 12,5", [SUM], [("sum", {"a": 1234.5, "b": 12.5})]),
    "a number's own line names it": (
        "Award points by total kwd:\n3 items\ntotal 9.5",
        [tool("award_points", total_kwd=NUMBER)],
        [("award_points", {"total_kwd": 9.5})],
    ),
    "an optional number without its word": (
        "Search for 5 cats",
        [FIND],
        [("search", {"query": "Search for 5 cats"})],
    ),
    "an optional number with its word": (
        "Search for cats, limit 5",
        [FIND],
        [("search", {"query": "Search for cats, limit 5", "limit": 5})],
    ),
    "an identifier is text": (
        "Where is my order 4471?",
        [ORDER],
        [("get_order_status", {"order_id": "4471"})],
    ),
    "a code": ("Status of order ORD-55 please", [ORDER], [("get_order_status", {"order_id": "ORD-55"})]),
    "several places, one call each": (
        "Weather in Paris and London?",
        [tool("get_weather", location=STRING)],
        [("get_weather", {"location": "Paris"}), ("get_weather", {"location": "London"})],
    ),
    "several Arabic places": (
        "ما الطقس في الكويت ودبي؟",
        [tool("get_weather", location=STRING)],
        [("get_weather", {"location": "الكويت"}), ("get_weather", {"location": "دبي"})],
    ),
    "several tools": (
        "Tell me the weather and the time in Muscat",
        [tool("get_weather", location=STRING), TIME],
        [("get_weather", {"location": "Muscat"}), ("get_time", {"location": "Muscat"})],
    ),
    "several numbers of one parameter": (
        "square 3 and 5",
        [tool("square", "Square a number.", x=NUMBER)],
        [("square", {"x": 3}), ("square", {"x": 5})],
    ),
    "an address and a name": (
        "Send an email to Salma at salma@example.com saying 'see you at nine'",
        [MAIL],
        [
            (
                "send_email",
                {"recipient": "see you at nine", "email": "salma@example.com", "body": "see you at nine"},
            )
        ],
    ),
    "a version is no number": ("Add version 1.2.3 to 4 and 5", [ADD], [("my_adder_tool", {"a": 4, "b": 5})]),
    "a word that denies": (
        "Search cats without pictures",
        [tool("search", query=STRING, pictures={"type": "boolean"})],
        [("search", {"query": "Search cats without pictures", "pictures": False})],
    ),
    "no arguments": ("Use the magic_reset tool", [tool("magic_reset")], [("magic_reset", {})]),
    "no schema": ("Use the magic_reset tool", [{"name": "magic_reset"}], [("magic_reset", {})]),
    "a greeting calls nothing": ("Hello, how are you?", [ADD, MAIL, ORDER], []),
    "an Arabic greeting calls nothing": ("مرحبا، كيف الحال؟", [ADD, MAIL, ORDER], []),
    "an Arabic identifier": (
        "حالة الطلب رقم ٥٥ لو سمحت",
        [ORDER],
        [("get_order_status", {"order_id": "55"})],
    ),
    "a refusal calls nothing": ("Don't use any tools: what is 1 + 2?", [ADD], []),
    "one number is too few": ("I was born in 1990", [ADD], []),
    "an optional parameter without a word": ("transfer 5", [TRANSFER], [("transfer", {"amount": 5})]),
}


@pytest.mark.parametrize("case", CALLED)
def test_words_decide_the_call(client: Client, case: str) -> None:
    """A tool that the words speak of, or supply, is called with what they say; another is not."""
    words, tools, expected = CALLED[case]
    assert client.called(words, *tools) == expected


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("none", []),
        ("auto", []),
        ("required", ["one"]),
        ("any", ["one"]),
        ("two", ["two"]),
        ({"type": "function", "function": {"name": "two"}}, ["two"]),
    ],
)
def test_tool_choice_is_obeyed(client: Client, choice: Any, expected: list[str]) -> None:
    """Every form of tool_choice decides on a greeting; an unknown name is refused."""
    tools = (tool("one"), tool("two"))
    assert [name for name, _ in client.called("Hello!", *tools, tool_choice=choice)] == expected
    offered = [{"type": "function", "function": one} for one in tools]
    assert client.chat("Hello!", tools=offered, tool_choice="three").status_code == 422


def test_calls_end_at_the_token_limit(client: Client) -> None:
    """What fits of the calls goes out, the last one cut in its arguments, with the reason `length`."""
    offered = [{"type": "function", "function": tool("get_weather", location=STRING)}]

    def asked(**limit: int) -> tuple[str, list[str]]:
        body = client.chat("Weather in Paris and London?", tools=offered, **limit).json()
        calls = body["choices"][0]["message"].get("tool_calls", [])
        return body["choices"][0]["finish_reason"], [call["function"]["arguments"] for call in calls]

    paris, london = '{"location":"Paris"}', '{"location":"London"}'
    whole = client.chat("Weather in Paris and London?", tools=offered).json()["usage"]["completion_tokens"]
    assert asked(max_tokens=whole) == ("tool_calls", [paris, london])
    assert asked(max_tokens=whole - 1) == ("length", [paris, london[:-1]])
    assert asked(max_tokens=6) == ("length", ['{"'])
    assert asked(max_tokens=1) == ("length", [])


def test_parallel_calls_can_be_switched_off(client: Client) -> None:
    """With parallel_tool_calls false only the first of several calls is made."""
    weather = tool("get_weather", location=STRING)
    assert len(client.called("Weather in Paris and London?", weather, parallel_tool_calls=False)) == 1


def _history(words: str, *done: tuple[str, dict[str, Any], str]) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = [{"role": "user", "content": words}]
    for number, (name, arguments, result) in enumerate(done):
        function = {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
        call = {"id": f"call_{number}", "type": "function", "function": function}
        turns.append({"role": "assistant", "content": None, "tool_calls": [call]})
        turns.append({"role": "tool", "tool_call_id": f"call_{number}", "content": result})
    return turns


def test_result_is_answered_not_called_again(client: Client) -> None:
    """After a result the answer quotes it in the user's language and calls nothing."""
    offered = [{"type": "function", "function": ADD}]
    said = client.said(
        messages=_history("What is 1 + 2", ("my_adder_tool", {"a": 1, "b": 2}, "3")), tools=offered
    )
    assert "tool_calls" not in said
    assert "3" in said["content"]
    both = client.called(
        None,
        tool("get_weather", location=STRING),
        TIME,
        messages=_history(
            "Tell me the weather and the time in Doha", ("get_weather", {"location": "Doha"}, "sunny")
        ),
    )
    assert both == []
    arabic = _history("كم 1 + 2؟", ("my_adder_tool", {"a": 1, "b": 2}, '{"total": 3}'))
    assert "المجموع: 3" in client.said(messages=arabic, tools=offered)["content"]


TOLD: dict[str, list[dict[str, str]]] = {
    "as an assistant message": [{"role": "assistant", "content": "4"}],
    "as the user's words": [{"role": "user", "content": "[result of tool call call_0]\n4"}],
    "with a label": [{"role": "user", "content": "Tool result: 4"}],
    "in Arabic": [{"role": "assistant", "content": "نتيجة الأداة: 4"}],
}


@pytest.mark.parametrize("way", TOLD)
@pytest.mark.parametrize("told_call", [True, False])
def test_results_told_in_words_are_understood(client: Client, way: str, *, told_call: bool) -> None:
    """A history whose tool turns are plain words, as one article and older servers have them, is answered."""
    turns = _history("What is 1 + 3", ("my_adder_tool", {"a": 1, "b": 3}, ""))[:-1]
    if told_call:
        turns[1] = {"role": "assistant", "content": '[tool call call_0] my_adder_tool {"a": 1, "b": 3}'}
    offered = [{"type": "function", "function": ADD}]
    said = client.said(messages=[*turns, *TOLD[way]], tools=offered)
    assert "tool_calls" not in said
    assert "returned: 4." in said["content"]


def test_an_answer_is_no_result(client: Client) -> None:
    """An assistant's answer after a result stays an answer, and the next question may call again."""
    turns = [
        *_history("What is 1 + 2", ("my_adder_tool", {"a": 1, "b": 2}, "3")),
        {"role": "assistant", "content": "It is 3."},
        {"role": "user", "content": "And 4 + 5?"},
    ]
    assert client.called(None, ADD, messages=turns) == [("my_adder_tool", {"a": 4, "b": 5})]


def test_an_amount_is_quoted_as_the_conversation_wrote_it(client: Client) -> None:
    """Of several amounts, the one that a call took; arguments that are no JSON are passed over."""
    words = "I paid 20.000 KWD of 12.500 KWD, how many points?"
    turns = _history(words, ("points", {"total_kwd": 12.5}, "125"))
    assert "12.500 KWD" in client.said(messages=turns)["content"]
    turns[1]["tool_calls"][0]["function"]["arguments"] = '{"total_kwd": 12.5'
    said = client.said(messages=turns)["content"]
    assert "125" in said
    assert "12.5" not in said.replace("125", "")


def test_failed_tool_is_told(client: Client) -> None:
    """A result that is an error is told as one."""
    history = _history("What is 1 + 2", ("my_adder_tool", {"a": 1}, "Error: Missing required argument 'b'."))
    content = client.said(messages=history)["content"]
    assert "failed" in content
    assert "argument 'b'" in content


def test_steps_follow_each_other_when_asked_for(client: Client) -> None:
    """With “then” between two wishes the tools are called one after the other, then answered."""
    words = "Look up the weather in Doha, then send an email to ali@example.com"
    weather = tool("get_weather", location=STRING)
    mail = tool("send_email", "Send an email.", email=STRING)
    done = ("get_weather", {"location": "Doha"}, "sunny")
    assert [name for name, _ in client.called(words, weather, mail)] == ["get_weather"]
    second = client.called(None, weather, mail, messages=_history(words, done))
    assert second == [("send_email", {"email": "ali@example.com"})]
    sent = ("send_email", {"email": "ali@example.com"}, "sent")
    assert client.called(None, weather, mail, messages=_history(words, done, sent)) == []


def test_values_come_from_earlier_turns_too(client: Client) -> None:
    """A number that the newest words lack is taken from what was said before, by the words beside it."""
    turns = [
        {"role": "user", "content": "I paid with 20.000, and my total was 12.500 KWD"},
        {"role": "assistant", "content": "Noted."},
        {"role": "user", "content": "Loyalty points for member 7788 please"},
    ]
    loyalty = tool("loyalty_points", member_id=STRING, total_kwd=NUMBER)
    assert client.called(None, loyalty, messages=turns) == [
        ("loyalty_points", {"member_id": "7788", "total_kwd": 12.5})
    ]


def test_an_image_is_looked_at_before_tools_are_called(
    client: Client, receipt_url: str, loyalty: dict[str, Any]
) -> None:
    """Words that speak of a tool beside a new image get the image's report, unless a call is forced."""
    words = [
        {"type": "text", "text": "Loyalty points of member 7788 for this total?"},
        {"type": "image_url", "image_url": {"url": receipt_url}},
    ]
    model = "qwen3-vl:235b-instruct"
    assert client.called(words, loyalty, model=model) == []
    forced = client.called(words, loyalty, model=model, tool_choice="required")
    assert forced == [("get_loyalty_points", {"member_id": "7788", "total_kwd": 12.5})]


def test_names_of_any_script_reach_the_arguments(client: Client) -> None:
    """A quoted name arrives unescaped, letter for letter."""
    make = tool("unicode_customer", "Create a customer.", customer_name=STRING, description=STRING)
    for name in ("你好啊集团", "こんにちは株式会社", "شركة النور"):
        [(_, arguments)] = client.called(f"Create a customer named '{name}' - a company", make)
        assert arguments["customer_name"] == name
    offered = [{"type": "function", "function": make}]
    assert "شركة النور" in client.chat("Create a customer named 'شركة النور'", tools=offered).text


def test_legacy_functions_are_answered_in_their_form(client: Client) -> None:
    """A request with `functions` gets `function_call`."""
    choice = client.chat("What is 1 + 2", functions=[ADD]).json()["choices"][0]
    assert choice["finish_reason"] == "function_call"
    assert json.loads(choice["message"]["function_call"]["arguments"]) == {"a": 1, "b": 2}
    turns = [{"role": "user", "content": "What is 1 + 2"}, choice["message"]]
    result = {"role": "function", "name": "my_adder_tool", "content": "3"}
    said = client.said(messages=[*turns, result], functions=[ADD])
    assert "my_adder_tool returned: 3" in said["content"]
