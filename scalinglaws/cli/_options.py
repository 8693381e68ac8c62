"""Options that take several values after one flag."""

import re
from pathlib import Path

from typer.core import TyperCommand


def _is_pair(arg):
    return re.match(r"[A-Za-z_]\w*=", arg) and not Path(arg).exists()


def _is_number(arg):
    try:
        float(arg)
    except ValueError:
        return False
    return True


class _SeveralCommand(TyperCommand):
    """Repeats a flag before every further value of it, then parses as usual."""

    flag = None
    belongs = None

    def parse_args(self, ctx, args):
        return super().parse_args(ctx, repeat(args, self.flag, type(self).belongs))


class ColumnsCommand(_SeveralCommand):
    """A command whose --columns takes several KEY=NAME."""

    flag = "--columns"
    belongs = _is_pair


class BudgetsCommand(_SeveralCommand):
    """A command whose --budgets takes several numbers."""

    flag = "--budgets"
    belongs = _is_number


def repeat(args, flag, belongs):
    """Repeat a flag before every further value that belongs to it.

    Examples
    --------
    >>> from scalinglaws.cli._options import BudgetsCommand, repeat
    >>> repeat(["--budgets", "1e12", "3e12", "--sizes", "6"], "--budgets", BudgetsCommand.belongs)
    ['--budgets', '1e12', '--budgets', '3e12', '--sizes', '6']
    """
    repeated, taking = [], False
    for position, arg in enumerate(args):
        if arg == "--":
            return repeated + list(args[position:])
        value = belongs(arg)
        if taking and value and repeated[-1] != flag:
            repeated.append(flag)
        taking = bool(arg.startswith(flag) or (taking and value))
        repeated.append(arg)
    return repeated
