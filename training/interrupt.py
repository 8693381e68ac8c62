"""Reasons to stop between two steps: a signal, a dead parent, the end of the time allowed."""

import signal
import time

from .process import orphaned


class StopRequest:
    """Says, between steps, whether to save and stop.

    Parameters
    ----------
    max_hours : float, optional
        Stop when this much time has passed.

    Examples
    --------
    >>> from scalinglaws.training.interrupt import StopRequest
    >>> StopRequest(max_hours=0)()
    'the time allowed is over'
    """

    def __init__(self, max_hours=None):
        self._deadline = None if max_hours is None else time.monotonic() + 3600.0 * max_hours
        self._reason = ""

    def listen(self):
        """Take note of SIGINT, SIGTERM, SIGUSR1 and SIGUSR2 in place of what they do by default.

        Returns
        -------
        StopRequest
            The object itself.
        """
        for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._note)
        return self

    def _note(self, number, frame):
        self._reason = f"signal {signal.Signals(number).name}"

    def __call__(self):
        """Return the reason to stop, empty if there is none."""
        if self._reason:
            return self._reason
        if orphaned():
            return "the process that started this one is gone"
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return "the time allowed is over"
        return ""
