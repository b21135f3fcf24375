"""``resayil batch``: the requests of a file, each answered exactly once."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Generator, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from resayil.async_client import AsyncClient
from resayil.batch import Batch, JsonLines, Summary, Table
from resayil.batch.runner import prospect
from resayil.batch.structured import fits, read_schema
from resayil.batch.values import Source
from resayil.cli.exits import DONE, FAILED, INTERRUPTED, exit_of
from resayil.cli.language import say
from resayil.cli.meter import Meter
from resayil.cli.output import amount, failing, tell
from resayil.errors import AuthenticationError, ConfigurationError, InsufficientCreditsError, ResayilError
from resayil.jsontext import dumps

TABLES = frozenset({".csv", ".tsv"})


def _credits(given: str) -> Decimal:
    try:
        value = Decimal(given)
    except InvalidOperation:
        value = Decimal("NaN")
    if not (value.is_finite() and value > 0):
        raise typer.BadParameter(say("a budget is a number of credits above 0"))
    return value


def batch(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Batch format (JSON lines), or a CSV table.")],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="File to write; a journal stands beside it.")],
    prompt: Annotated[str | None, typer.Option(help="CSV: the prompt, with {columns}.")] = None,
    system: Annotated[str, typer.Option(help="CSV: the system prompt, with {columns}.")] = "",
    image: Annotated[str | None, typer.Option(help="CSV: the column that names a picture.")] = None,
    model: Annotated[str | None, typer.Option(help="Model; CSV needs one, lines may name their own.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="CSV: tokens of an answer, at most.", min=1)] = None,
    temperature: Annotated[float | None, typer.Option(help="CSV: 0 to 2.", min=0, max=2)] = None,
    structured: Annotated[Path | None, typer.Option(help="JSON schema that every answer satisfies.")] = None,
    budget: Annotated[
        Decimal | None,
        typer.Option(parser=_credits, metavar="CREDITS", help="Credits to spend at most, by estimate."),
    ] = None,
    concurrency: Annotated[int, typer.Option(help="Rows asked at a time.", min=1)] = 8,
    plan: Annotated[
        str | None,
        typer.Option("--plan", "--requests-per-minute", help="The key's limit: a plan, a number, or none."),
    ] = None,
    base_url: Annotated[
        list[str] | None, typer.Option(help="The service's address; repeatable for a fleet of proxies.")
    ] = None,
    patience: Annotated[
        float, typer.Option(help="Seconds to wait for a service that is gone or busy.", min=0)
    ] = 600.0,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask rows again that ended in an error.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would cost; send nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON at the end.")] = False,
) -> None:
    """Ask every row of IN and write the answers, in the same order, to OUT.

    Killed or stopped, the same command goes on where it ended. Exit codes: 0 every row has an answer; 1 some
    ended in an error, which stands in its row; else why it stopped.
    """
    with failing("The batch did not run"):
        schema = None if structured is None else read_schema(structured)
        asked = _source(source, model, prompt, system, image, schema, max_tokens, temperature)
        given: dict[str, Any] = {"requests_per_minute": plan} if plan else {}
        urls: Sequence[str | None] = base_url or (None,)
        made = [AsyncClient(base_url=url, limit_max_wait=None, **given) for url in urls]
        if dry_run:
            _foretell(asked, made[0], as_json=as_json)
            return
        check = None if schema is None else fits(schema)
        with Batch(
            asked, output, budget=budget, concurrency=concurrency, patience=patience, check=check
        ) as work:
            if retry_failed:
                work.retry_failed()
            with Meter() as meter:
                summary = asyncio.run(_run(work, made, meter))
    _show(summary, output, as_json=as_json)
    raise typer.Exit(_code(summary))


def _source(
    path: Path,
    model: str | None,
    prompt: str | None,
    system: str,
    image: str | None,
    schema: Any,
    max_tokens: int | None,
    temperature: float | None,
) -> Source[Any]:
    if path.suffix.lower() not in TABLES:
        only_tables = {
            "--prompt": prompt,
            "--system": system or None,
            "--image": image,
            "--max-tokens": max_tokens,
            "--temperature": temperature,
        }
        if wrong := [name for name, value in only_tables.items() if value is not None]:
            raise typer.BadParameter(
                say("{options}: only a table (.csv, .tsv) takes them", options=", ".join(wrong))
            )
        return JsonLines(path, model=model, schema=schema)
    if model is None or prompt is None:
        raise typer.BadParameter(say("a table needs --model and --prompt"))
    return Table(
        path,
        model=model,
        prompt=prompt,
        system_prompt=system,
        image=image,
        schema=schema,
        max_tokens=max_tokens,
        temperature=temperature,
    )


async def _run(work: Batch[Any], clients: Sequence[AsyncClient], meter: Meter) -> Summary:
    async with AsyncExitStack() as stack:
        for client in clients:
            await stack.enter_async_context(client)
        if work.left:
            await _learn_prices(clients)
        with _stopping(work):
            return await work.run(clients, meter.show)


async def _learn_prices(clients: Sequence[AsyncClient]) -> None:
    """Ask for the model list, which tells what the models cost, and whether the key is good."""
    try:
        await clients[0].models()
    except (AuthenticationError, ConfigurationError, InsufficientCreditsError):
        raise
    except ResayilError as error:
        tell(say("The model list was not to be had, so prices are assumed: {reason}", reason=error.message))
    for client in clients[1:]:
        client.catalogue = clients[0].catalogue


@contextlib.contextmanager
def _stopping(work: Batch[Any]) -> Generator[None]:
    """Ctrl-C, or SIGTERM, lets the rows under way end; a second one drops them."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def stop() -> None:
        work.stop()
        tell(say("Stopping: the rows under way end first. Ctrl-C again drops them."))
        for number in signals:
            loop.add_signal_handler(number, work.drop)

    try:
        for number in signals:
            loop.add_signal_handler(number, stop)
    except NotImplementedError:  # pragma: no cover - Windows: Ctrl-C ends the process, the journal stays
        yield
        return
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _foretell(source: Source[Any], client: AsyncClient, *, as_json: bool) -> None:
    found = prospect(source, client)
    if as_json:
        told = {"rows": found.rows, "unusable": found.unusable, "estimated": True}
        figures = {name: amount(getattr(found, name)) for name in ("low", "likely", "high")}
        print(dumps({**told, **figures}))
        return
    Console(highlight=False).print(
        say(
            "{rows} rows, {unusable} of them unusable. Credits, estimated: {low} at least, {likely} likely, "
            "{high} at most.",
            rows=found.rows,
            unusable=found.unusable,
            low=amount(found.low),
            likely=amount(found.likely),
            high=amount(found.high),
        ),
        markup=False,
        soft_wrap=True,
    )


def _code(summary: Summary) -> int:
    if summary.stopped is not None:
        return exit_of(summary.stopped).code
    if summary.left:
        return INTERRUPTED
    return FAILED if summary.so_far.failed else DONE


def _show(summary: Summary, output: Path, *, as_json: bool) -> None:
    over = summary.so_far
    if as_json:
        told = {
            "rows": summary.rows,
            "answered": over.done - over.failed,
            "failed": over.failed,
            "left": summary.left,
            "asked": summary.asked,
            "prompt_tokens": over.prompt_tokens,
            "output_tokens": over.output_tokens,
            "credits": amount(over.credits),
            "estimated": True,
            "seconds": round(summary.seconds, 3),
            "stopped": None if summary.stopped is None else type(summary.stopped).__name__,
            "output": str(output),
        }
        print(dumps(told))
    else:
        console = Console(highlight=False)
        figures = {
            "answered": over.done - over.failed,
            "failed": over.failed,
            "left": summary.left,
            "credits": amount(over.credits),
            "output": output,
        }
        text = say(
            "{answered} rows answered, {failed} failed, {left} left; {credits} credits (estimated). {output}",
            **figures,
        )
        console.print(text, markup=False, soft_wrap=True)
    if summary.stopped is not None:
        tell(say("Stopped: {reason}", reason=summary.stopped.message))
    if summary.left:
        tell(say("The same command goes on from here."))
