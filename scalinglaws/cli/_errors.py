"""The error that ends a command with exit code 2."""

from contextlib import contextmanager


class InputError(Exception):
    """What the user gave cannot be used; the message says what and why."""


@contextmanager
def users_input(*kinds, prefix=""):
    """Turn errors of these kinds, raised while looking at the user's input, into `InputError`."""
    try:
        yield
    except kinds as error:
        raise InputError(f"{prefix}{error}") from error
