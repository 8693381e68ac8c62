"""Run the experiments of a study: in parallel, resumable, with figures and a comparison."""

import json
import logging
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile

import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import threadpool_limits

from .._atomic import replacing
from .._progress import reporting
from ..exceptions import DataFileError, DataQualityWarning
from ._compare import COLUMNS

STUDIES = ("besiroglu2024", "czech2026", "li2025", "porian2024")
# What is recorded of a finished experiment.
_RECORDED = ("number", "comparison", "files", "seconds")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Reproduction:
    """What `reproduce` did.

    Parameters
    ----------
    comparison : DataFrame
        Our numbers beside the published ones: columns experiment, quantity, n (values compared),
        where, published, ours, difference (of the pair that differs most), rule, tolerance, met,
        note.
    tables : dict of str to dict of str to DataFrame
        Tables of every experiment by its name.
    seconds : dict of str to float
        What every experiment took.
    kept : tuple of str
        Experiments that an earlier run had finished.
    missing : dict of str to str
        Experiments whose data could not be had, with the reason.
    files : tuple of Path
        What was written, or found from an earlier run.
    """

    comparison: pd.DataFrame
    tables: Mapping
    seconds: Mapping
    kept: tuple
    missing: Mapping
    files: tuple

    @property
    def met(self):
        """Whether every comparison agrees as closely as it should and nothing is missing."""
        return bool(self.comparison["met"].all()) and not self.missing


def load_study(name):
    """Return a `Study` by name; raise for an unknown one."""
    if name not in STUDIES:
        raise ValueError(f"{name!r} is not a study; choose from {', '.join(STUDIES)}.")
    return import_module(f".{name}", __package__).STUDY


def reproduce(
    study, experiments=None, *, out=None, quick=False, n_jobs=None, force=False, progress=False
):
    """Run the experiments of a published study and compare their numbers with the published ones.

    Parameters
    ----------
    study : str or Study
        Name of a study, such as "czech2026".
    experiments : list of int or str, optional
        Numbers or names of the experiments; all by default.
    out : str or path-like, optional
        Folder for the tables (CSV), the figures (PNG) and ``comparison.csv``, one for each study.
        Experiments that an earlier run with this version finished there are not repeated. Without
        it nothing is written, and nothing drawn.
    quick : bool, default=False
        A part of every experiment, in seconds, without figures.
    n_jobs : int, optional
        Processes, as in joblib.
    force : bool, default=False
        Repeat finished experiments.
    progress : bool or callable, default=False
        True shows a bar on stderr; a function is called with the number done and the total.

    Returns
    -------
    Reproduction

    Raises
    ------
    ValueError
        If the study or the experiment is unknown, `out` holds results of another study, a quick run
        would overwrite what a full run left there, or a file of data is not the pinned one.
    OSError
        If `out` cannot be written to.
    RuntimeError
        If an experiment fails.

    Examples
    --------
    >>> from scalinglaws.studies import reproduce
    >>> result = reproduce("czech2026", [6], quick=True)
    >>> bool(result.met)
    True
    """
    study = load_study(study) if isinstance(study, str) else study
    chosen = study.select(experiments)
    if out is not None:
        out = _folder(out)
        _keep_others(out, study)
        _keep_full(out, study, quick)
    done = {e.number: _finished(out, e, quick) for e in chosen if not force and out is not None}
    done = {number: found for number, found in done.items() if found is not None}
    waiting = sorted((e for e in chosen if e.number not in done), key=lambda e: -e.cost)
    tasks = (delayed(_perform)(e, out, quick) for e in waiting)
    with reporting(progress, len(chosen), f"reproducing {study.name}") as report:
        report(len(done))
        run = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(tasks)
        for found in run:
            done[found["number"]] = found
            report(len(done))
    return _assemble(study, chosen, done, out, quick)


def _assemble(study, chosen, done, out, quick):
    found = [(experiment, done[experiment.number]) for experiment in chosen]
    rows = [
        {"experiment": experiment.name} | row
        for experiment, result in found
        for row in result["comparison"]
    ]
    comparison = pd.DataFrame(rows, columns=["experiment", *COLUMNS])
    files = [path for _, result in found for path in result["files"]]
    if out is not None:
        files = [out / name for name in files]
        with replacing(out / "comparison.csv") as part:
            others = _of_others(study, comparison, out, quick)
            _in_order(study, [others, comparison]).to_csv(part, index=False)
        files.append(out / "comparison.csv")
    return Reproduction(
        comparison=comparison,
        tables={e.name: result["tables"] for e, result in found},
        seconds={e.name: result["seconds"] for e, result in found},
        kept=tuple(e.name for e, result in found if result.get("kept")),
        missing={e.name: result["missing"] for e, result in found if result["missing"]},
        files=tuple(files),
    )


def _of_others(study, comparison, out, quick):
    """Return the rows of ``comparison.csv`` that earlier runs left of other experiments.

    Rows of a run of another version or extent are left out.
    """
    path = out / "comparison.csv"
    if not path.exists():
        return pd.DataFrame(columns=["experiment", *COLUMNS])
    words = {"where": str, "note": str}
    earlier = pd.read_csv(path, dtype=words)
    records = {e.name: _record(out, e) for e in study.experiments}
    old = [name for name, record in records.items() if record and not _is_same(record, quick)]
    gone = earlier["experiment"].isin([*comparison["experiment"], *old])
    return earlier[~gone].fillna(dict.fromkeys(words, ""))


def _in_order(study, tables):
    """Return the rows of all tables in the order of the experiments."""
    tables = [table for table in tables if len(table)] or tables[:1]
    place = {e.name: k for k, e in enumerate(study.experiments)}
    return pd.concat(tables).sort_values(
        "experiment", key=lambda names: names.map(place), kind="stable"
    )


def _perform(experiment, out, quick):
    """Run one experiment; an error in it is not one of the user's input, but for the data."""
    try:
        return _run(experiment, out, quick)
    except DataFileError:
        raise
    except ValueError as error:
        raise RuntimeError(f"experiment {experiment.label} failed: {error}") from error


def _run(experiment, out, quick):
    """Run one experiment on one thread and write what it gave; the record is written last."""
    started = time.perf_counter()
    result = {
        "number": experiment.number,
        "tables": {},
        "comparison": [],
        "files": [],
        "missing": "",
    }
    with threadpool_limits(1), warnings.catch_warnings():
        # The studies fit what is known to be faulty; what came of it is in the tables.
        for category in (ConvergenceWarning, DataQualityWarning):
            warnings.simplefilter("ignore", category)
        try:
            result["tables"] = experiment.run(quick=quick)
        except OSError as error:
            result["missing"] = str(error) or type(error).__name__
        else:
            result["comparison"] = experiment.compare(result["tables"])
            gaps = [table.attrs.get("missing") for table in result["tables"].values()]
            result["missing"] = "; ".join(gap for gap in gaps if gap)
            if out is not None:
                earlier = _record(out, experiment) or {}
                # From here on the files are no longer those of the earlier record.
                _record_path(out, experiment).unlink(missing_ok=True)
                result["files"] = _write(experiment, result["tables"], out, figures=not quick)
    result["seconds"] = round(time.perf_counter() - started, 2)
    if out is not None and not result["missing"]:
        for name in set(earlier.get("files", ())) - set(result["files"]):
            (out / Path(name).name).unlink(missing_ok=True)
        record = {key: result[key] for key in _RECORDED}
        with replacing(_record_path(out, experiment)) as part:
            part.write_text(json.dumps(_identity(quick) | record, indent=1) + "\n", "utf-8")
    _log.info("%s: %.1f s", experiment.label, result["seconds"])
    return result


def _write(experiment, tables, out, figures):
    """Write tables and figures; return the names of the files."""
    import matplotlib as mpl

    from ..plotting._figure import STYLE

    names = []
    for key, table in tables.items():
        names.append(f"{experiment.number:02d}_{key}.csv")
        with replacing(out / names[-1]) as part:
            table.to_csv(part, index=False)
    if not figures:
        return names
    with mpl.rc_context(STYLE):
        for key, figure in experiment.draw(tables).items():
            names.append(f"{experiment.number:02d}_{key}.png")
            with replacing(out / names[-1]) as part:
                figure.savefig(part, format="png", dpi=160)
    return names


def _identity(quick):
    from .. import __version__

    return {"scalinglaws": __version__, "quick": quick}


def _is_same(record, quick):
    return all(record.get(key) == value for key, value in _identity(quick).items())


def _record_path(out, experiment):
    return out / f"{experiment.label}.json"


def _record(out, experiment):
    """Return what an earlier run recorded when it had finished an experiment, or None."""
    return _read_record(_record_path(out, experiment))


def _read_record(path):
    try:
        record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(record, dict) and set(_RECORDED) <= set(record)
    return record if whole else None


def _folder(out):
    """Return a folder that can be written to, made if need be."""
    out = Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out):
            return out
    except OSError as error:
        reason = "it is a file" if out.is_file() else error.strerror or type(error).__name__
        raise OSError(
            f"results cannot be written to {out} ({reason}): give a folder that can be written to."
        ) from error


def _keep_others(out, study):
    """Raise where a folder holds results of another study, whose files would be mixed with ours."""
    names = {path.stem.partition("_")[2] for path in out.glob("*_*.json") if _read_record(path)}
    if (out / "comparison.csv").exists():
        try:
            names |= set(pd.read_csv(out / "comparison.csv")["experiment"].astype(str))
        except (ValueError, KeyError) as error:
            raise ValueError(
                f"{out / 'comparison.csv'} is no comparison of a study: give another folder."
            ) from error
    others = sorted(names - {experiment.name for experiment in study.experiments})
    if others:
        raise ValueError(
            f"{out} holds results of another study ({', '.join(others[:3])}), which those of "
            f"{study.name} would be mixed with: give each study a folder of its own."
        )


def _keep_full(out, study, quick):
    """Raise where a quick run would take the place of a full one."""
    for experiment in study.experiments if quick else ():
        record = _record(out, experiment)
        if record and not record.get("quick"):
            raise ValueError(
                f"{out} holds a full run of {experiment.name}, which a quick run would overwrite: "
                "give the quick run a folder of its own."
            )


def _finished(out, experiment, quick):
    """Return what an earlier run with the same settings left, or None."""
    record = _record(out, experiment)
    if record is None or not _is_same(record, quick):
        return None
    if not all((out / name).exists() for name in record["files"]):
        return None
    tables = {
        name[3:-4]: pd.read_csv(out / name) for name in record["files"] if name.endswith(".csv")
    }
    return record | {"tables": tables, "missing": "", "kept": True}
