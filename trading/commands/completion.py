"""`tradebot completion`: the script that makes a shell complete our commands and options."""

from __future__ import annotations

import click

from trading.commands.options import debug_option

EPILOG = """\b
Examples:
  tradebot completion bash >> ~/.bashrc
  tradebot completion zsh >> ~/.zshrc
  tradebot completion fish > ~/.config/fish/completions/tradebot.fish
A new shell then completes `tradebot` with the Tab key.
"""

VARIABLE = "_TRADEBOT_COMPLETE"
"""What the script sets when it asks for completions; click looks for a variable of this name."""


@click.command(epilog=EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@debug_option
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    root = context.find_root()
    complete = found(root.command, {}, "tradebot", VARIABLE)
    click.echo(complete.source_template % complete.source_vars())
