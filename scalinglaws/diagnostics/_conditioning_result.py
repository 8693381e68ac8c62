"""How well runs determine a law, as a value."""

import math
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False)
class Conditioning:
    """How well the runs of a fit determine its parameters, from `conditioning`.

    Parameters
    ----------
    spectra : DataFrame
        Eigenvalues of the Hessian of the summed squared residuals, ascending within a space; with
        columns space, eigenvalue, condition (largest over smallest eigenvalue of the space), and
        one per parameter with the components of the eigenvector. The spaces are "raw" (parameters
        as they are), "log" (their logarithms) and "projected" (the exponents, with the others
        always at their best; these have no components).
    parameters : DataFrame
        One row per parameter; columns estimate, std_err, relative_error.
    weakest : str
        The parameter of largest relative error.
    run : dict
        N, D and C of the run that would help most to determine it.
    gain : float
        Factor of the standard error of its logarithm with that run, below 1.
    """

    spectra: pd.DataFrame
    parameters: pd.DataFrame
    weakest: str
    run: dict
    gain: float

    def condition(self, space):
        """Return the condition number of a space, "raw", "log" or "projected"."""
        return float(self.spectra.loc[self.spectra["space"] == space, "condition"].iloc[0])

    def __str__(self):
        """Return what was found in a few sentences."""
        raw, log, projected = map(self.condition, ("raw", "log", "projected"))
        conditions = f"{raw:.3g} in raw parameters and {log:.3g} in their logarithms"
        if projected > 1.0:
            conditions += f" (a matter of units), {projected:.3g} in the exponents alone"
        place = ", ".join(f"{k}={v:.3g}" for k, v in self.run.items() if not math.isnan(v))
        error = self.parameters.loc[self.weakest, "relative_error"]
        known = "" if math.isnan(error) else f" (relative error {error:.2g})"
        return (
            f"The curvatures of the squared residuals differ by a factor of {conditions}. "
            f"The least identified parameter is {self.weakest}{known}. "
            f"One more run at {place} would help it most, of those within a decade of the sampled "
            f"ones and of no more compute: its standard error would be {self.gain:.2f} of what it "
            "is."
        )
