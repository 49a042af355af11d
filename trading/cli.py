"""The command line: `tradebot COMMAND` or `python -m trading.cli COMMAND`. Commands are loaded when they are used."""

from __future__ import annotations

import gc
import importlib
import os
import sys
import traceback
from collections.abc import Sequence

import click

from trading import __version__
from trading.domain.errors import InvalidInput, TradingError
from trading.exit_codes import INTERRUPTED, ExitCode

COMMANDS = {
    "run": "trading.commands.run",
    "backtest": "trading.commands.backtest",
    "status": "trading.commands.status",
    "positions": "trading.commands.positions",
    "history": "trading.commands.history",
    "decisions": "trading.commands.decisions",
    "insights": "trading.commands.insights",
    "safety": "trading.commands.safety",
    "kill": "trading.commands.kill",
    "resume": "trading.commands.resume",
    "stop": "trading.commands.stop",
    "close": "trading.commands.close",
    "cancel": "trading.commands.cancel",
    "resolve": "trading.commands.resolve",
    "token": "trading.commands.token",
    "check-config": "trading.commands.check_config",
    "alerts": "trading.commands.alerts",
    "db": "trading.commands.db",
    "completion": "trading.commands.completion",
}
"""Where each command is; its module has it as `command`. In the order of the help."""

LONG_COMMANDS = frozenset({"run", "backtest"})
"""Commands that last long enough for the collection of garbage to matter."""

_EPILOG = f"""\b
Exit codes:
  {int(ExitCode.OK)}    ended as asked
  {int(ExitCode.FAILED)}    failed while running; the reason is on standard error
  {int(ExitCode.USAGE)}    unusable arguments, settings or input files; nothing was done
  {int(ExitCode.LEFT_OPEN)}    something is left open at the exchange, or may be
  {int(ExitCode.FORCED)}    run: ended at once by a second signal
  {int(ExitCode.STALLED)}    run: the bot's loop stood still
  {int(ExitCode.ADDRESS)}    trading.web.server: it cannot listen on its address
  {INTERRUPTED}  interrupted by Ctrl-C

\b
Settings come from the command line, then the environment, then .env in the
working directory. Example:
  tradebot run
"""


class LazyGroup(click.Group):
    """A group whose commands are imported only when they are asked for, so that each starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
        return command


@click.group(cls=LazyGroup, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="tradebot", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def tradebot(context: click.Context, debug: bool) -> None:
    """A crypto trading bot whose votes explain themselves and whose risk checks nothing goes round."""
    context.obj = {"debug": debug}


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line (default: this process's); the exit code. Errors become a line on standard error."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if LONG_COMMANDS.isdisjoint(given):
        # Loading modules makes much that stays and little that goes: looking for the latter is a tenth of `status`.
        gc.disable()
    try:
        code = tradebot.main(given, prog_name="tradebot", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:  # the reader (`| head`) has gone; click does the same where it notices first
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.FAILED)
    except (TradingError, OSError) as error:
        _tell(error, with_traceback="--debug" in given)
        return _code_of(error)
    finally:
        gc.enable()
    return int(code or ExitCode.OK)


def _tell(error: TradingError | OSError, *, with_traceback: bool) -> None:
    if with_traceback:
        traceback.print_exception(error)
    elif isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        click.echo(f"error: {place}{error.strerror or error}", err=True)
    else:
        click.echo(f"error: {error}", err=True)


def _code_of(error: TradingError | OSError) -> int:
    from trading.config_sources import ConfigError

    return int(ExitCode.USAGE if isinstance(error, InvalidInput | ConfigError) else ExitCode.FAILED)


if __name__ == "__main__":
    sys.exit(main())
