"""`metrics`: the desk's own figures for Prometheus, printed once or served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.options import Json
from nightdesk.cli.output import show

if TYPE_CHECKING:
    from nightdesk.metrics.exporter import FigureReader

metrics = typer.Typer(invoke_without_command=True)
app.add_typer(metrics, name="metrics")


@metrics.callback(
    epilog=example("nightdesk metrics", "nightdesk metrics --out /var/lib/node_exporter/nightdesk.prom")
)
def print_once(
    context: typer.Context,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Written whole or not at all, readable for all: for node_exporter's textfile collector.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Print the desk's own figures once, in Prometheus' text format.

    Without a database that answers they are `nightdesk_up 0` alone, and the status is 1.
    """
    if context.invoked_subcommand is not None:
        return
    from dataclasses import asdict

    from nightdesk.metrics.exporter import figures_now, metrics_text

    samples = figures_now(_reader(), _say)
    text = metrics_text(samples)
    if out is not None:
        _write(out, text)
    document = {"figures": [asdict(one) for one in samples]}
    show(document, as_json=json, text=lambda: [] if out is not None else text.splitlines())
    if not any(one.name == "nightdesk_up" and one.value for one in samples):
        raise typer.Exit(1)


@metrics.command(
    epilog=example("nightdesk metrics serve", "nightdesk metrics serve --port 9464 --host 0.0.0.0")
)
def serve(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 9464,
    host: Annotated[
        str, typer.Option("--host", help="Where it listens; by default this machine alone reaches it.")
    ] = "127.0.0.1",
) -> None:
    """Serve the figures at /metrics until SIGTERM or SIGINT.

    The store is read when somebody asks, at most once in five seconds, by a connection that cannot write. Who
    asks while the database is away is told `nightdesk_up 0`.
    """
    import signal
    from threading import Event

    from nightdesk.metrics.exporter import serving

    end = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    with serving(_reader(), host, port, _say) as taken:
        _say(f"serves http://{_shown(host)}:{taken}/metrics")
        end.wait()


def _reader() -> FigureReader:
    """Reads the desk of this environment; its database is not started."""
    import os

    from nightdesk.machine import postgres
    from nightdesk.metrics.exporter import FigureReader
    from nightdesk.session.context import project_root

    known = postgres.addresses()
    looks = known.reader or known.nightdesk
    environ = {**os.environ, postgres.DATABASE_VARIABLE: known.nightdesk, postgres.READER_VARIABLE: looks}
    return FigureReader(project_root(environ), environ)


def _say(line: str) -> None:
    typer.echo(f"nightdesk: {line}", err=True)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _write(out: str, text: str) -> None:
    from pathlib import Path

    from nightdesk.cli.whole_files import whole_file

    with whole_file(Path(out).expanduser()) as draft:
        draft.write_text(text, encoding="utf-8")
        # node_exporter is another user, and no secret stands in it.
        draft.chmod(0o644)  # nosec B103
