"""The fragment behind a call that is not to be executed: no JSON, and it says why."""

from __future__ import annotations

import json

import pytest

from resayil.marks import mark, reason, unmarked


@pytest.mark.parametrize("arguments", ["", "{", '{"city": "الك', '{"said": "«نعم»"}'])
@pytest.mark.parametrize("why", ["it was cut", "«get_weather» was not offered"])
def test_a_mark_is_read_back(arguments: str, why: str) -> None:
    """Marked arguments are no JSON, tell the reason, and are found as they came."""
    marked = arguments + mark(why)
    with pytest.raises(json.JSONDecodeError):
        json.loads(marked)
    assert reason(marked) == why.replace("«", "").replace("»", "")
    assert unmarked(marked) == arguments


@pytest.mark.parametrize("arguments", ["", "{}", '{"said": "«] not executable: x» نعم"}'])
def test_arguments_without_a_mark_stay(arguments: str) -> None:
    """Words that only look like one, inside, are the model's."""
    assert reason(arguments) == ""
    assert unmarked(arguments) == arguments
