"""One experiment of a study: what it computes, what it draws, what it is compared with."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Experiment:
    """One experiment of a published study.

    Parameters
    ----------
    number : int
        As the study counts.
    name : str
        Name of the function in the module of the study.
    title : str
        What it shows, in a few words.
    run : callable
        ``run(quick=False)`` returns a dict of tidy DataFrames. ``quick=True`` computes a part of
        their rows, in seconds. Without its data it raises OSError, or says what is missing in
        ``attrs["missing"]`` of a table.
    compare : callable
        ``compare(tables)`` returns rows that put our numbers beside the published ones, see
        `scalinglaws.studies.compare_values`.
    draw : callable
        ``draw(tables)`` returns a dict of matplotlib figures.
    cost : float
        Seconds that it takes, about: long ones are started first.
    """

    number: int
    name: str
    title: str
    run: Callable
    compare: Callable
    draw: Callable
    cost: float = 1.0

    @property
    def label(self):
        """Number and name, such as ``01_sampling_range``: sorts as the study counts."""
        return f"{self.number:02d}_{self.name}"


@dataclass(frozen=True)
class Study:
    """A published study.

    Parameters
    ----------
    name : str
    citation : str
    experiments : tuple of Experiment
    """

    name: str
    citation: str
    experiments: tuple

    def select(self, chosen=None):
        """Return the experiments of these numbers or names, or all.

        Raises
        ------
        ValueError
            If `chosen` is no list or an empty one, or names no experiment of the study.
        """
        if chosen is None:
            return self.experiments
        if isinstance(chosen, int | str) or not len(chosen):
            raise ValueError(
                f"experiments must be a list of numbers or names, got {chosen!r}; leave it out to "
                "run all."
            )
        known = {experiment.number: experiment for experiment in self.experiments}
        known |= {experiment.name: experiment for experiment in self.experiments}
        unknown = [which for which in chosen if which not in known]
        if unknown:
            listed = ", ".join(f"{e.number} ({e.name})" for e in self.experiments)
            raise ValueError(f"{self.name} has no experiment {unknown[0]!r}; it has {listed}.")
        return tuple(dict.fromkeys(known[which] for which in chosen))
