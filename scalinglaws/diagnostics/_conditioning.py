"""How well runs determine a law, in which directions, and which run would help."""

import numpy as np
import pandas as pd
from scipy.linalg import qr

from ._conditioning_result import Conditioning
from ._tangent_plane import at_places, fitted_problem, free_parameters, relative_noise

_EXPONENTS = ("alpha", "beta", "gamma", "alpha_N", "alpha_D")
# Candidates for one more run: places per axis, up to a factor of ten beyond the sampled ones.
_PLACES = 81
_BEYOND = 10.0


def conditioning(estimator):
    """Tell how well the runs of a direct fit determine its parameters.

    Parameters
    ----------
    estimator : estimator
        Fitted direct fit: `ChinchillaApproach3`, `VPNLS`, `KaplanLaw` or `PowerLaw`.

    Returns
    -------
    Conditioning
        Spectra of the Hessian, errors of the parameters, the weakest of them, and the run that
        would help it most; `print` it for a summary. An E that is 0 is fixed and left out, the
        one exponent of the tied law is alpha.

    Raises
    ------
    ValueError
        If the estimator is no direct fit, or the runs do not determine its parameters.

    Notes
    -----
    The Hessian is ``2 sum w j j'`` with j the derivatives of a residual of the estimator (of the
    loss or its logarithm), divided by the relative noise of the run where that is not constant.
    "projected" is ``2 M'M`` with M what is left of the derivatives in the exponents beside those
    in the other parameters: the Hessian that variable projection sees.

    Errors and the weakest parameter are those of ``estimator.summary()``. Where it has no errors,
    or the fit is exact to rounding, they are NaN, and the curvature decides on the weakest.

    Candidates for one more run have N and D up to a decade beyond the sampled ones on either side,
    and no more compute than the largest run. What they gain follows from the rank-one update of the
    Hessian, for a run whose noise is as the fit has it. A `PowerLaw` knows its own variable alone:
    of a run it gives that (for N or D whatever its compute) and NaN for the others.

    References
    ----------
    Czech et al. 2026, arXiv 2603.22339. Golub and Pereyra 1973, "The Differentiation of
    Pseudo-Inverses and Nonlinear Least Squares Problems Whose Variables Separate".

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws import VPNLS
    >>> from scalinglaws.datasets import make_isoflop
    >>> from scalinglaws.diagnostics import conditioning
    >>> from scalinglaws.surfaces import ChinchillaSurface
    >>> law = ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.465, beta=0.155)
    >>> runs = make_isoflop(law, np.logspace(17, 21, 5), drift=0.2)
    >>> found = conditioning(VPNLS().fit(runs[["N", "D"]], runs["loss"]))
    >>> print(f"{found.condition('raw'):.4g} {found.condition('projected'):.4g}")
    3.484e+11 10.57
    >>> found.weakest
    'A'
    """
    problem, theta = fitted_problem(estimator), estimator._theta_
    values, turn = _natural(estimator)
    names, size = list(values), np.array(list(values.values()))
    root = np.sqrt(problem.weight_of(0))
    free = free_parameters(estimator)
    design = root[:, None] * problem.jacobian(theta[None], np.zeros(1, dtype=int))[0][free].T
    relative = design @ turn
    _require_determined(relative)
    exponents = np.isin(names, _EXPONENTS)
    projected = _beside(relative[:, exponents] / size[exponents], relative[:, ~exponents])
    spectra = pd.concat(
        [
            _spectrum("raw", relative / size, names, names),
            _spectrum("log", relative, names, names),
            _spectrum("projected", projected, np.array(names)[exponents], names),
        ],
        ignore_index=True,
    )
    parameters = estimator.summary().loc[names, ["estimate", "std_err"]]
    if estimator.certificate_.exact:
        parameters["std_err"] = np.nan
    parameters["relative_error"] = parameters["std_err"] / parameters["estimate"]
    covariance = _inverse(relative)
    weakest = _weakest(parameters, covariance)
    run, gain = _best_run(estimator, turn, covariance, names.index(weakest))
    return Conditioning(spectra, parameters, weakest, run, gain)


def _natural(estimator):
    """Return the free parameters in raw units, and the derivatives by their logarithms.

    Returns
    -------
    values : dict of str to float
    turn : ndarray of shape (p, p)
        Of the free parameters of the problem, by the logarithms.
    """
    problem, free = estimator._problem_, free_parameters(estimator)
    values = {name: float(value) for name, value in estimator._values().items()}
    follow = ["a", "b"] + ["beta"] * (problem.law.name == "tied") + ["E"] * (not free.all())
    kept = [name not in follow for name in values]
    slopes = estimator._slopes()[kept][:, free]
    values = {name: value for name, value in values.items() if name not in follow}
    return values, np.linalg.inv(slopes / np.array(list(values.values()))[:, None])


def _require_determined(relative):
    length = np.linalg.norm(relative, axis=0)
    n, p = relative.shape
    if n < p or not (length > 0).all() or np.linalg.matrix_rank(relative / length) < p:
        raise ValueError(
            "The runs do not determine the parameters of the law: add runs of other N and D, or "
            "fit a simpler law."
        )


def _spectrum(space, design, own, names):
    """Return the eigenvalues and eigenvectors of twice design'design."""
    # Singular values after a pivoted QR keep their digits where raw columns differ by 1e20.
    _, triangle, order = qr(design, mode="economic", pivoting=True)
    turned, length, _ = np.linalg.svd(triangle.T)
    vectors = np.empty_like(turned)
    vectors[order] = turned
    length, vectors = length[::-1], vectors[:, ::-1].T
    # The sign of an eigenvector is arbitrary: its largest component is positive.
    largest = np.abs(vectors).argmax(axis=1)
    vectors = vectors * np.sign(vectors[np.arange(len(vectors)), largest])[:, None]
    values = {"eigenvalue": 2.0 * length**2, "condition": (length[-1] / length[0]) ** 2}
    components = pd.DataFrame(vectors, columns=list(own)).reindex(columns=names)
    return pd.concat((pd.DataFrame({"space": space} | values), components), axis=1)


def _beside(columns, others):
    """Return what is left of columns beside others."""
    basis, _ = np.linalg.qr(others / np.linalg.norm(others, axis=0))
    return columns - basis @ (basis.T @ columns)


def _inverse(design):
    """Return the inverse of design'design."""
    _, length, vectors = np.linalg.svd(design, full_matrices=False)
    return (vectors.T / length**2) @ vectors


def _weakest(parameters, covariance):
    """Return the parameter of largest relative error, by the curvature where there is none."""
    errors = parameters["relative_error"]
    if errors.isna().any():
        errors = pd.Series(np.diag(covariance), index=parameters.index)
    return str(errors.idxmax())


def _best_run(estimator, turn, covariance, at):
    """Return the candidate that shrinks one relative variance most, and the factor of its error."""
    x, z, run = _candidates(estimator)
    problem, theta = at_places(estimator, x, z), estimator._theta_[None]
    loss = problem.law.loss(theta, problem.x, problem.z)[0]
    problem = problem.with_noise(relative_noise(estimator, run["C"], loss))
    design = problem.jacobian(theta, np.zeros(1, dtype=int))[0][free_parameters(estimator)].T @ turn
    reach = design @ covariance
    shrink = reach[:, at] ** 2 / (1.0 + (reach * design).sum(axis=1)) / covariance[at, at]
    best = int(np.argmax(shrink))
    return {name: float(v[best]) for name, v in run.items()}, float(np.sqrt(1.0 - shrink[best]))


def _candidates(estimator):
    """Return the variables of the law at candidates, and their N, D and C."""
    problem = estimator._problem_
    x, z = (
        np.geomspace(
            np.exp(v.min() + middle) / _BEYOND, np.exp(v.max() + middle) * _BEYOND, _PLACES
        )
        for v, middle in zip((problem.x, problem.z), problem.center, strict=True)
    )
    most = estimator.C_range_[1] * (1.0 + 1e-9)
    if not problem.law.data_term:
        run = dict.fromkeys("NDC", np.full(_PLACES, np.nan)) | {estimator.variable: x}
        kept = ~(run["C"] > most)
        return x[kept], x[kept], {name: v[kept] for name, v in run.items()}
    N, D = (v.ravel() for v in np.meshgrid(x, z))
    kept = 6.0 * N * D <= most
    N, D = N[kept], D[kept]
    return N, D, {"N": N, "D": D, "C": 6.0 * N * D}
