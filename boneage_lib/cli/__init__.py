"""The command ``boneage``."""

from __future__ import annotations

import sys

import typer
from rich.markup import escape

from boneage_lib.cli.asking import compare, evaluate, predict
from boneage_lib.cli.cohorts import phantom, prepare
from boneage_lib.cli.running import pdf, publish, run
from boneage_lib.cli.shared import console
from boneage_lib.cli.steps import step
from boneage_lib.errors import InputError, printable

app = typer.Typer(
    help="Bone age networks of Monti and Tonazzo, as a reproducible paper.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (prepare, phantom, run, evaluate, predict, compare, pdf, publish):
    app.command()(command)
app.command(hidden=True)(step)


def main() -> None:
    """Run the command; bad input ends with its message and exit code 2."""
    try:
        app()
    except InputError as error:
        # Messages quote what was found in files: line by line, nothing in it steers the terminal.
        message = "\n".join(printable(line.expandtabs()) for line in str(error).splitlines())
        console.print(f"[red]boneage:[/red] {escape(message)}", highlight=False, soft_wrap=True)
        sys.exit(2)
