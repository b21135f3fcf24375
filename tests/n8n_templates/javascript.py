"""Runs what n8n would run, the templates' scripts and expressions, in Node."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from resayil_n8n.nodes import source

NODE = Path(sys.executable).with_name("node")

_PROGRAM = """
const cases = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const items = (list) => (list ?? []).map((json) => ({ json }));
const step = (runs) => ({
  isExecuted: runs !== undefined,
  first: () => items(runs)[0],
  all: (branch, run) => { if (run) throw new Error('no such run'); return items(runs); },
});
const answer = async (each) => {
  const $ = (name) => step(each.steps[name]);
  const input = items(each.input ?? [{}]);
  if (each.binary) input[0].binary = { data: {} };
  const $input = { first: () => input[0], all: () => input };
  const helpers = { getBinaryDataBuffer: async () => Buffer.from(each.binary, 'base64') };
  const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
  const names = ['$', '$input', '$json', '$runIndex', 'query'];
  try {
    const made = new AsyncFunction(...names, each.source);
    return { value: await made.call({ helpers }, $, $input, input[0].json, each.run ?? 0, each.query) };
  } catch (e) {
    return { error: String(e.message) };
  }
};
Promise.all(cases.map(answer)).then((all) => console.log(JSON.stringify(all)));
"""


def run(cases: Sequence[Mapping[str, Any]]) -> list[Any]:
    """What each case gives: ``source`` is the text, ``steps`` the other nodes' items, ``input`` its own."""
    done = subprocess.run(
        [str(NODE), "-e", _PROGRAM], input=json.dumps(cases), capture_output=True, text=True, check=True
    )
    answers = json.loads(done.stdout)
    return [answer.get("value", {"raised": answer.get("error")}) for answer in answers]


def script(name: str, **constants: object) -> str:
    """A script with its constants, as a Code node holds it."""
    return source(name, **constants)


def evaluated(expressions: Sequence[str], steps: Mapping[str, Any], item: Mapping[str, Any]) -> list[Any]:
    """The values of n8n expressions."""
    for text in expressions:
        assert text.startswith("={{")
        assert text.endswith("}}")
        assert "}}" not in text[3:-2], "n8n would end the expression there"
    return run(
        [{"source": f"return ({text[3:-2]});", "steps": steps, "input": [item]} for text in expressions]
    )
