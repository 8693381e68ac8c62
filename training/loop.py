"""The training loop: one run, from its configuration to its record."""

import logging
import math
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grad_norm_

from . import checkpoint
from .data import Corpus
from .lock import run_lock
from .model import Transformer
from .records import RunRecord, evaluation_row
from .run_folder import RunFolder
from .schedule import learning_rate
from .world import Processes

logger = logging.getLogger(__name__)

# Losses are looked at this often on an accelerator, where each look waits for it.
_ACCELERATOR_CHECK = 20
_EVALUATION_TOKENS = 32768
_TORCH = f"torch {torch.__version__}"
# A process that was killed gives its lock back at once; one that was told to stop is saving.
_LOCK_SECONDS = 60.0


class TrainingStopped(Exception):
    """Training was asked to stop; its state is saved and the same call goes on from it."""


def train(
    config,
    folder=None,
    *,
    name=None,
    trunk=None,
    keep=(),
    checkpoint_seconds=60.0,
    should_stop=None,
    on_progress=None,
):
    r"""Train one model.

    Parameters
    ----------
    config : RunConfig
        The run.
    folder : path-like, optional
        Where its checkpoint and record go. A finished run there is read and not trained again; an
        unfinished one goes on. Without a folder nothing is written.
    name : str, optional
        Label in the table of runs; the name of the folder or the hash of the configuration if not
        given.
    trunk : path-like, optional
        Folder of a run that kept its state at the step where this one starts to decay. Without it
        the constant phase is trained here, with the same result.
    keep : iterable of int
        Steps whose state is kept for branches.
    checkpoint_seconds : float
        Seconds between two checkpoints: what an interruption may cost.
    should_stop : callable, optional
        Called between steps; when it returns something true, the state is saved and
        `TrainingStopped` is raised.
    on_progress : callable, optional
        Called with the steps done and the training losses of all of them, at most once a second.

    Returns
    -------
    RunRecord
        Its rows for the table of runs, per-step losses and timing. A run whose loss became
        infinite or not a number has status ``"diverged"``.

    Raises
    ------
    ValueError
        If the corpus does not fit the run, or the folder belongs to another run.
    TrainingStopped
        If `should_stop` said so.

    Notes
    -----
    Under ``torchrun`` every process calls this with the same arguments; each trains on its part of
    every batch and the first one writes.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from scalinglaws.training import ModelConfig, RunConfig, prepare, train
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     squares = Path(folder, "squares.txt")
    ...     _ = squares.write_text("\n".join(str(n**2) for n in range(400)))
    ...     _ = prepare(
    ...         squares, Path(folder, "corpus"), delimiter="\n", val_bytes=200, licence="CC0-1.0"
    ...     )
    ...     run = RunConfig(
    ...         model=ModelConfig(d=16, n_layers=1, n_heads=1, ffn_multiple=16, seq_len=32),
    ...         data=Path(folder, "corpus"),
    ...         steps=20,
    ...         batch_sequences=2,
    ...         lr=0.02,
    ...         decay_steps=5,
    ...     )
    ...     record = train(run)
    >>> record.status, record.rows[0]["D"], record.loss < 4.5
    ('ok', 1280, True)
    """
    with Processes(config) as processes:
        place = RunFolder(folder, config, name) if folder is not None else None
        # Only the first process works in the folder.
        lock = (
            run_lock(folder, timeout=_LOCK_SECONDS) if place and processes.first else nullcontext()
        )
        with lock:
            run = Run(config, processes, place, name, trunk, keep)
            if place is not None:
                done = place.record(run.corpus.hash)
                processes.wait()
                if done is not None:
                    return done
                if processes.first:
                    place.claim()
            run.start()
            return run.loop(checkpoint_seconds, should_stop, on_progress)


class Run:
    """State of a run in training.

    Parameters
    ----------
    config : RunConfig
        The run.
    processes : Processes
        Those that train it.
    place : RunFolder, optional
        Where its checkpoints and record go.
    name, trunk, keep
        See `train`.
    """

    def __init__(self, config, processes, place=None, name=None, trunk=None, keep=()):
        self.config = config
        self.processes = processes
        self.place = place
        self.name = name or (place.path.name if place else config.hash)
        self.trunk = Path(trunk) if trunk is not None else None
        self.keep = frozenset(keep)
        self.corpus = Corpus(config.data)
        self.corpus.check(config)

    def start(self):
        """Build the model and the optimiser, fresh or from the last state."""
        config, device = self.config, self.processes.device
        generator = torch.Generator().manual_seed(config.seed)
        self.model = Transformer(config.model).initialise(generator).to(device)
        self.weights = list(self.model.parameters())
        self.optimizer = make_optimizer(self.model, config, device)
        self.step = self.first = 0
        self.history = torch.full((config.steps,), math.nan, device=device)
        self.evaluations = []
        self.seconds = 0.0
        self._restore()
        # Evaluations go past the exchange of gradients: the processes need not take equal parts.
        self.alone = torch.compile(self.model) if config.compile else self.model
        self.forward = self.alone
        if self.processes.world > 1:
            self.forward = DistributedDataParallel(self.alone, broadcast_buffers=False)
        self.autocast = torch.autocast(
            device.type, torch.bfloat16, enabled=config.precision == "bf16"
        )

    def _restore(self):
        config, device = self.config, self.processes.device
        last = self.place.path / checkpoint.LAST if self.place else None
        if last is not None and last.exists():
            state = checkpoint.load(last, self._identity(), device)
            self.evaluations = [tuple(e) for e in state["evaluations"]]
            self.seconds, self.first = state["seconds"], state["first"]
        elif self.trunk is not None:
            fork = config.steps - config.decay_steps
            path = self.trunk / checkpoint.kept_name(fork)
            identity = {"stem": config.stem, "data_hash": self.corpus.hash, "step": fork}
            state = checkpoint.load(path, identity, device)
            self.first = fork
        else:
            return
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        self.history[: self.step] = state["history"]
        logger.info("%s goes on from step %d", self.name, self.step)

    def _identity(self):
        return {"config_hash": self.config.hash, "data_hash": self.corpus.hash}

    def save(self, path):
        """Write the state to a file."""
        if self.processes.first:
            state = self._identity() | {
                "stem": self.config.stem,
                "step": self.step,
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "history": self.history[: self.step].clone(),
                "evaluations": self.evaluations,
                "seconds": self.seconds,
                "first": self.first,
            }
            checkpoint.save(path, state)

    def loop(self, checkpoint_seconds, should_stop, on_progress):
        """Train from the current step to the last and return the record."""
        config, started = self.config, time.monotonic()
        before, saved, told = self.seconds, started, 0.0
        check = 1 if self.processes.device.type == "cpu" else _ACCELERATOR_CHECK
        self.model.train()
        while True:
            self._milestone()
            if self.evaluations and not math.isfinite(self.evaluations[-1][1]):
                return self._end("diverged", self.step)
            if self.step == config.steps:
                return self._end("ok")
            self.update()
            now = time.monotonic()
            self.seconds = before + now - started
            if self.step % check == 0 or self.step == config.steps:
                bad = ~torch.isfinite(self.history[max(0, self.step - check) : self.step])
                if bad.any():
                    return self._end("diverged", self.step - len(bad) + int(bad.int().argmax()))
                stop = self.processes.any(should_stop is not None and bool(should_stop()))
                if self.place and (stop or now - saved > checkpoint_seconds):
                    self.save(self.place.path / checkpoint.LAST)
                    saved = time.monotonic()
                if stop:
                    raise TrainingStopped(f"{self.name} stopped at step {self.step}")
            if on_progress is not None and now - told > 1.0:
                on_progress(self.step, self.history[: self.step])
                told = now

    def update(self):
        """Take one optimiser step and note its training loss."""
        config, device = self.config, self.processes.device
        rows = self.processes.mine(self.corpus.batch(config, self.step))
        tokens = torch.from_numpy(rows)
        if device.type == "cuda":
            tokens = tokens.pin_memory().to(device, non_blocking=True)
        loss_sum = torch.zeros((), device=device)
        parts = tokens.chunk(config.accumulate)
        for i, part in enumerate(parts):
            # Gradients are exchanged once, with the last part.
            waiting = self.processes.world > 1 and i < len(parts) - 1
            with self.forward.no_sync() if waiting else nullcontext():
                loss = self.losses(self.forward, part).mean() / len(parts)
                loss.backward()
            loss_sum += loss.detach()
        clip_grad_norm_(self.weights, config.clip)
        rate = learning_rate(config, self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.history[self.step] = self.processes.total(loss_sum) / self.processes.world
        self.step += 1

    def losses(self, model, tokens):
        """Cross-entropy of every predicted token, shape (sequences, seq_len)."""
        with self.autocast:
            logits = model(tokens[:, :-1])
        targets = tokens[:, 1:]
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(
            targets.shape
        )

    def _milestone(self):
        """Evaluate and keep what was asked for at this step."""
        done = {step for step, *_ in self.evaluations}
        wanted = self.step == self.config.steps or self.step in self.config.evaluate_at
        if wanted and self.step not in done:
            self.evaluations.append((self.step, *self.evaluate()))
        if self.place and self.step in self.keep:
            path = self.place.path / checkpoint.kept_name(self.step)
            if not path.exists():
                self.save(path)

    @torch.no_grad()
    def evaluate(self):
        """Return the validation loss and its standard error over sequences."""
        sequences = self.corpus.validation(self.config)
        loss = torch.zeros(len(sequences), dtype=torch.float64, device=self.processes.device)
        size = max(1, _EVALUATION_TOKENS // self.config.model.seq_len)
        self.model.eval()
        for rows in np.array_split(np.arange(len(sequences)), math.ceil(len(sequences) / size)):
            rows = self.processes.mine(rows)
            if len(rows):
                tokens = torch.from_numpy(sequences[rows]).to(self.processes.device)
                loss[rows] = self.losses(self.alone, tokens).double().mean(dim=1)
        self.model.train()
        loss = self.processes.total(loss)
        error = loss.std() / math.sqrt(len(loss)) if len(loss) > 1 else torch.tensor(math.nan)
        return loss.mean().item(), error.item()

    def _end(self, status, bad_step=None):
        reason = "" if bad_step is None else f"the loss is not finite at step {bad_step}"
        evaluations = self.evaluations or [(self.step, math.nan, math.nan)]
        if status != "ok" and evaluations[-1][0] != self.step:
            evaluations = [*evaluations, (self.step, math.nan, math.nan)]
        rows = tuple(
            evaluation_row(self.config, self.corpus, self.name, *evaluation)
            | {"device": self.processes.device.type, "trainer": f"scalinglaws, {_TORCH}"}
            for evaluation in evaluations
        )
        if status != "ok":
            rows[-1].update(status=status, reason=reason)
        tokens = self.config.batch_tokens * (self.step - self.first)
        record = RunRecord(
            rows=rows,
            status=status,
            reason=reason,
            timing={"seconds": self.seconds, "tokens_per_s": tokens / max(self.seconds, 1e-9)},
            history=self.history[: self.step].cpu().numpy(),
        )
        if self.place and self.processes.first:
            self.place.finish(record)
        return record


def make_optimizer(model, config, device):
    """Return AdamW for a model; matrices decay, norm gains only if the configuration says so."""
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    gains = [p for p in model.parameters() if p.dim() < 2]
    gain_decay = config.weight_decay if config.decay_norms else 0.0
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": gains, "weight_decay": gain_decay},
        ],
        lr=config.lr,
        betas=(config.beta1, config.beta2),
        eps=config.eps,
        fused=True,
    )
