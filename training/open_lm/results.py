"""Results of open_lm runs, ours or anyone's, as a table of runs."""

import json
import logging
import math
import os
from pathlib import Path

from scalinglaws.exceptions import DataQualityWarning, warn_user

from ..config import RunConfig
from ..counting import n_parameters
from ..records import shape_columns, table
from .jobs import ORIGIN, RUN
from .models import count_parameters, model_json, shape_of
from .restart import LOG, VERSIONS
from .run_folder import PARAMS, RunFolder

logger = logging.getLogger(__name__)

# Half the width of a 95 % interval in standard errors.
_Z = 1.959964
_MISSING = float("nan")


def read_open_lm(path, *, models=None, evaluation=None):
    """Read the results of open_lm runs into a table of runs.

    D is the tokens that were really read: the step of the checkpoint times the batch.
    ``train_tokens`` of open_lm's own results is not, wherever a piece was rounded up to whole
    shards. N is the count of the built model, compared with the formula for its shape. A run that
    diverged, failed or did not finish gets a row that says so, after those of its evaluations.

    Parameters
    ----------
    path : path-like
        Folder of one run, or of any number of them: what open_lm was given as ``--logs``, or the
        output folder of `open_lm_jobs`.
    models : path-like, optional
        Folder of the model files. By default the file that ``run.json`` names, or, with
        ``OPEN_LM_PATH`` set, those of that checkout. Where none is found the columns of shape are
        missing and C is still 6 N D.
    evaluation : str, optional
        Part of the path of the validation set to take the loss from, if there are several.

    Returns
    -------
    pandas.DataFrame
        The columns of `scalinglaws.training.COLUMNS`, one row per evaluation.

    Raises
    ------
    FileNotFoundError
        If there is no run.
    ValueError
        If runs were evaluated on several sets and `evaluation` does not choose one.

    Warns
    -----
    DataQualityWarning
        If N of the log is not that of the formula, files are torn, or a step is unknown.

    Examples
    --------
    >>> from scalinglaws.training.open_lm import read_open_lm
    >>> table = read_open_lm("logs")  # doctest: +SKIP
    >>> table[table.status == "ok"][["N", "D", "loss"]]  # doctest: +SKIP
    """
    path = Path(path)
    places = {file.parent for name in (PARAMS, LOG, ORIGIN) for file in path.rglob(name)}
    if not places:
        raise FileNotFoundError(
            f"{path} holds no run of open_lm ({PARAMS} and {LOG} in a folder per run). For the "
            "run files of Gadre et al. (2024) there is read_gadre2024."
        )
    rows, notes = [], []
    for place in sorted(places):
        run = _Run(place, models, evaluation)
        rows += run.rows()
        notes += [f"{place.name}: {note}" for note in run.files.notes]
    if notes:
        shown = "; ".join(notes[:5]) + (f"; and {len(notes) - 5} more" if len(notes) > 5 else "")
        warn_user(
            f"{len(notes)} things to know about the runs in {path}: {shown}.", DataQualityWarning
        )
    return table(rows)


class _Run:
    """One run, and what its files mean."""

    def __init__(self, place, models, evaluation):
        self.files = RunFolder.read(place)
        self.params = self.files.params
        self.evaluation = evaluation
        self.origin = _read_json(place / ORIGIN)
        self.config = RunConfig(**self.origin["config"]) if self.origin else None
        self.name = self.origin.get("name") or self.params.get("name") or place.name
        self.shape, self.N = self._model(models)

    def rows(self):
        """Return a row per evaluation, and one for how the run ended if that was badly."""
        files = self.files
        rows = []
        for number, results in sorted(files.evaluations.items()):
            result = self._choose(results)
            step = files.steps.get(number)
            rows.append(self._row(step) | self._measured(result))
            if step is None:
                files.notes.append(f"the step of checkpoint {number} is not known")
                rows[-1].update(
                    status="failed", reason=f"the step of checkpoint {number} is not known"
                )
            elif not math.isfinite(result["loss"]):
                rows[-1].update(status="diverged", reason="the validation loss is not finite")
        problem = self._problem({row["step"] for row in rows})
        if problem:
            step = self._total_steps() if files.end == "finished" else files.last_step
            rows.append(self._row(step) | problem)
        return rows

    def _problem(self, evaluated):
        """Return status and reason of a run that did not come to a last loss."""
        files, total = self.files, self._total_steps()
        if files.end == "not started":
            status = "failed" if files.error else "skipped"
            return {"status": status, "reason": files.error or "not started"}
        at = f"at step {files.last_step} of {total}"
        if files.end == "nan":
            return {"status": "diverged", "reason": f"the training loss is not a number {at}"}
        if files.end == "unfinished":
            reason = files.error or "killed, or still running"
            return {"status": "failed", "reason": f"its log ends {at}: {reason}"}
        if total not in evaluated and None not in evaluated:
            return {"status": "failed", "reason": "finished, but not evaluated at its last step"}
        return {}

    def _row(self, step):
        """Return all that does not depend on what was measured."""
        params, total = self.params, self._total_steps()
        if not params:
            return self._planned()
        batch = params["global_batch_size"] * params["seq_len"]
        D = None if step is None else step * batch
        start = self._decay_start()
        decayed = step is not None and step == total and start is not None and start < total
        row = {
            "run": self.name,
            "status": "ok" if decayed else "undecayed",
            "reason": "" if decayed else f"at step {step} the learning rate had not decayed",
            "seed": params["seed"],
            "step": step,
            "final_step": total,
            "trunk": self._trunk(),
            "decay_fraction": (total - start) / total if decayed else 0.0,
            "schedule": self._schedule(),
            "lr": params["lr"],
            "warmup": self._warmup(),
            "batch_tokens": batch,
            "weight_decay": params["wd"],
            "beta1": params["beta1"],
            "beta2": params["beta2"],
            "precision": _precision(params),
            "device": str(params.get("device", "")).partition(":")[0] or None,
            "trainer": self._trainer(),
        }
        return row | self._counts(D) | self._data(D)

    def _planned(self):
        """Return the row of a run that has not started."""
        row, config = {"run": self.name}, self.config
        if config is None:
            return row
        row |= {"seed": config.seed, "final_step": config.steps, "lr": config.lr}
        row |= {"trunk": self.origin["trunk"]}
        return row | shape_columns(config.model, config.D) | self._data(config.D)

    def _counts(self, D):
        if D is None:
            return {"N": self.N}
        if self.shape is not None and n_parameters(self.shape) == self.N:
            return shape_columns(self.shape, D)
        names = ("d", "n_layers", "n_heads", "ffn", "vocab_size", "seq_len", "qk_norm")
        known = self.params if self.shape is None else {n: getattr(self.shape, n) for n in names}
        counts = {"N": self.N, "D": D, "C": 6.0 * self.N * D if self.N else None}
        return counts | {name: known.get(name) for name in names}

    def _data(self, D):
        if not self.origin:
            return {}
        corpus = self.origin["corpus"]
        return {
            "corpus": corpus["name"],
            "tokenizer": corpus["tokenizer"],
            "data_hash": corpus["hash"],
            "config_hash": self.origin["config_hash"],
            "epochs": None if D is None else D / corpus["tokens"],
        }

    def _measured(self, result):
        loss = result["loss"]
        low = result.get("loss_sequences_lower_95", -1.0)
        high = result.get("loss_sequences_upper_95", -1.0)
        measured = {"loss": loss, "loss_se": _MISSING, "evaluation": _set_name(result["val_data"])}
        # open_lm writes -1 for limits that it was not asked for.
        if low >= 0 and high >= low:
            drawn = self.params.get("val_max_pop_ci") or result["sequences"]
            share = min(1.0, drawn / result["sequences"])
            measured["loss_se"] = (high - low) / (2 * _Z) * math.sqrt(share)
        if self.origin:
            bytes_per_token = self.origin["corpus"]["bytes_per_token"]
            measured["evaluation"] = self.origin["corpus"]["name"]
            measured["bits_per_byte"] = loss / math.log(2) / bytes_per_token
        return measured

    def _choose(self, results):
        sets = {str(result["val_data"]): result for result in results}
        if self.evaluation is not None:
            sets = {name: result for name, result in sets.items() if self.evaluation in name}
        if len(sets) != 1:
            named = "; ".join(str(result["val_data"]) for result in results)
            raise ValueError(
                f"run {self.name} was evaluated on {len(results)} sets: {named}; name one of them "
                f"by evaluation=. Got {self.evaluation!r}."
            )
        return next(iter(sets.values()))

    def _model(self, models):
        """Return the shape and N, from the model file and from the log."""
        # Under FSDP the log counts the share of one process.
        logged = None if self.params.get("fsdp") else self.files.N
        description = self._description(models)
        if description is None:
            if self.params:
                self.files.notes.append(
                    "no model file was found, so its shape is missing (give the folder as models=)"
                )
            return None, logged
        qk_norm = bool(self.params.get("qk_norm", False))
        shape = shape_of(description, qk_norm)
        norm = self.params.get("model_norm", "default_layer_norm")
        counted = count_parameters(description, norm, qk_norm)
        if logged is None:
            if self.params:
                self.files.notes.append(f"its log does not state N; {counted} is by the formula")
            return shape, counted
        if counted is not None and counted != logged:
            self.files.notes.append(
                f"its model has N={logged} parameters, but {counted} by the formula for its shape; "
                "the first is taken"
            )
        return shape, logged

    def _description(self, models):
        if self.config is not None:
            return model_json(self.config.model)
        name = f"{self.params.get('model')}.json"
        checkout = os.environ.get("OPEN_LM_PATH")
        candidates = [Path(models) / name] if models is not None else []
        settings = _read_json(self.files.path / RUN)
        candidates += [Path(settings["model"])] if "model" in settings else []
        candidates += [Path(checkout, "open_lm", "model_configs", name)] if checkout else []
        return next((_read_json(file) for file in candidates if file.is_file()), None)

    def _total_steps(self):
        params = self.params
        if not params:
            return self.config.steps if self.config else None
        sequences, epochs = params.get("train_num_samples"), params["epochs"]
        if sequences is None:
            return max(self.files.steps.values(), default=None)
        batch = params["global_batch_size"]
        if params.get("dataset_manifest") is None:
            return sequences // batch * epochs
        return sequences * epochs // batch

    def _decay_start(self):
        """Return the step at which the learning rate starts to fall, or None if it does not."""
        falls = self.params["lr_scheduler"] == "cosine" and not self.params.get("skip_scheduler")
        return self.params["warmup"] if falls else None

    def _trunk(self):
        """Return the name of the run whose checkpoint this one continues."""
        if self.origin:
            return self.origin["trunk"]
        resume = self.params.get("resume")
        place = Path(resume).parent.parent if resume else self.files.path
        forked = place.name != self.files.path.name and self._decay_start() is not None
        return place.name if forked else None

    def _warmup(self):
        if self.config is not None:
            return self.config.warmup
        if self._trunk() is None:
            return self.params["warmup"]
        # What the settings of a branch call warm-up is the constant phase of its trunk.
        return _MISSING

    def _schedule(self):
        if self._decay_start() is None:
            return "constant"
        return "wsd-cosine" if self._trunk() else "cosine"

    def _trainer(self):
        versions = _read_json(self.files.path / VERSIONS)
        if not versions:
            return "open_lm"
        return f"open_lm {versions['open_lm']}, torch {versions['torch']}"


def _set_name(val_data):
    """Name a validation set by its files."""
    paths = [val_data] if isinstance(val_data, str) else val_data
    return ", ".join(Path(path).stem for path in paths)


def _precision(params):
    """Return the arithmetic that a setting really means."""
    stated = params["precision"]
    if params.get("fsdp_pure_bf16") or params.get("fsdp_amp"):
        return "bf16"
    # Without FSDP open_lm does not cast for "bf16" and "fp16".
    known = {"amp_bf16": "bf16", "amp_bfloat16": "bf16", "amp": "amp"}
    return known.get(stated, "fp32")


def _read_json(path):
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
