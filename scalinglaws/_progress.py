"""Progress of long work: a bar, a function of the caller, or nothing."""

from contextlib import contextmanager


@contextmanager
def reporting(progress, total, what):
    """Yield a function to call with the number of things done.

    Parameters
    ----------
    progress : bool or callable
        True shows a bar on stderr; a function is called with the number done and `total`.
    total : int
    what : str
        What is done, shown beside the bar.
    """
    if callable(progress):
        yield lambda done: progress(done, total)
    elif not progress:
        yield lambda done: None
    else:
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.update(task, completed=done)
