"""What to train: the configuration of a model and of a run, as frozen, JSON-serialisable values."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from numbers import Integral, Real
from pathlib import Path

from .counting import n_parameters

PRECISIONS = ("fp32", "bf16")
SCHEDULES = ("wsd", "cosine")
DECAY_SHAPES = ("linear", "sqrt", "cosine")
# Where a run is trained and read from does not change what it is.
_NOT_IDENTITY = ("data", "device", "max_epochs")
# Nor does its end change its beginning.
_NOT_STEM = ("steps", "decay_steps", "decay_shape", "final_lr", "evaluate_at", "val_sequences")


def check_count(name, value, least=1):
    """Raise ValueError unless the value is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}. Got {value!r}.")


def check_number(name, value, low, high, *, low_open=False, high_open=False):
    """Raise ValueError unless the value is a number in the interval."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    inside = number and low <= value <= high
    if not inside or (low_open and value == low) or (high_open and value == high):
        interval = f"{'(' if low_open else '['}{low:g}, {high:g}{')' if high_open else ']'}"
        raise ValueError(f"{name} must be a number in {interval}. Got {value!r}.")


def check_choice(name, value, choices):
    """Raise ValueError unless the value is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}. Got {value!r}.")


def known_fields(cls, values, where):
    """Return the values, which become fields of a class; raise ValueError for an unknown key."""
    known = [f.name for f in fields(cls)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(
            f"{where} has unknown keys: {', '.join(unknown)}. Known keys: {', '.join(known)}."
        )
    return values


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Shape of a decoder-only transformer in the architecture of open_lm.

    RMS norm, rotary positions, SwiGLU, untied head, no bias anywhere.

    Parameters
    ----------
    d : int
        Width of the residual stream.
    n_layers : int
        Number of blocks.
    n_heads : int
        Number of attention heads; must divide ``d``, and ``d / n_heads`` must be even.
    vocab_size : int
        Size of the vocabulary. 256 for bytes.
    seq_len : int
        Tokens per training sequence.
    ffn_multiple : int
        The hidden width of the SwiGLU is floor(8 d / 3) rounded up to a multiple of this. open_lm
        has 256, which would give tiny models a feed-forward of up to sixteen times their width.
    qk_norm : bool
        Whether queries and keys are normalised over the full width.

    Raises
    ------
    ValueError
        If a value is out of range or the heads do not divide the width.

    Examples
    --------
    >>> from scalinglaws.training import ModelConfig
    >>> model = ModelConfig(d=64, n_layers=3, n_heads=2, ffn_multiple=32, qk_norm=True)
    >>> model.N, model.ffn
    (193344, 192)
    """

    d: int
    n_layers: int
    n_heads: int
    vocab_size: int = 256
    seq_len: int = 256
    ffn_multiple: int = 256
    qk_norm: bool = False

    def __post_init__(self):
        """Check and convert the values."""
        for name in ("d", "n_layers", "n_heads", "ffn_multiple"):
            check_count(name, getattr(self, name))
        check_count("vocab_size", self.vocab_size, 2)
        check_count("seq_len", self.seq_len, 2)
        if self.d % self.n_heads or (self.d // self.n_heads) % 2:
            raise ValueError(
                f"d={self.d} does not split into {self.n_heads} heads of even size, which rotary "
                "positions need; change d or n_heads."
            )

    @property
    def ffn(self):
        """Hidden width of the SwiGLU."""
        return -(-(8 * self.d // 3) // self.ffn_multiple) * self.ffn_multiple

    @property
    def N(self):
        """Number of parameters, embedding and head included."""
        return n_parameters(self)

    @property
    def name(self):
        """Short label such as ``d64-L3``."""
        return f"d{self.d}-L{self.n_layers}"


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One training run, completely specified.

    Two runs with the same `hash` and the same data give the same losses, bit for bit on one CPU
    thread.

    Parameters
    ----------
    model : ModelConfig
        The model.
    data : str
        Folder of a prepared corpus (see `prepare`).
    steps : int
        Optimiser steps. ``D = steps * batch_sequences * model.seq_len``.
    batch_sequences : int
        Sequences per optimiser step, over all devices and accumulation steps.
    lr : float
        Peak learning rate.
    schedule : {"wsd", "cosine"}
        ``"wsd"``: warm-up, constant, then a decay over the last `decay_steps` (none if 0).
        ``"cosine"``: warm-up, then half a cosine over all remaining steps.
    warmup : int
        Steps of linear warm-up.
    decay_steps : int
        Steps of the final decay of ``"wsd"``. A run with decay forks from the run without: up to
        ``steps - decay_steps`` both are the same.
    decay_shape : {"linear", "sqrt", "cosine"}
        Course of the decay of ``"wsd"``: linear, one minus the square root (Hägele et al. 2024,
        arXiv 2405.18392), or half a cosine (all that open_lm can do).
    final_lr : float
        Learning rate at the end of the decay, as a fraction of the peak.
    weight_decay : float
        Decoupled weight decay of AdamW.
    decay_norms : bool
        Whether norm gains decay too, as in open_lm. By default only matrices do.
    beta1, beta2, eps : float
        The other constants of AdamW.
    clip : float
        Largest norm of the gradient.
    seed : int
        Decides the initialisation and the order of the data, and nothing else does.
    evaluate_at : tuple of int
        Steps at which the validation loss is taken, besides the last.
    val_sequences : int
        Validation sequences per evaluation, the same ones for every model of equal `seq_len`.
    precision : {"fp32", "bf16"}
        ``"bf16"``: autocast; weights, optimiser and norms stay in float32.
    compile : bool
        Whether to compile the model with `torch.compile`.
    accumulate : int
        Forward and backward passes per optimiser step on each device.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    max_epochs : float
        Refuse to pass over the corpus more often than this. Up to four passes cost little
        (Muennighoff et al. 2023, arXiv 2305.16264).

    Raises
    ------
    ValueError
        If a value is out of range, or values do not fit together.

    Examples
    --------
    >>> from scalinglaws.training import ModelConfig, RunConfig
    >>> model = ModelConfig(d=32, n_layers=2, n_heads=2, ffn_multiple=32)
    >>> run = RunConfig(model=model, data="corpus", steps=500, batch_sequences=4, lr=0.01)
    >>> run.D
    512000
    >>> RunConfig.from_json(run.to_json()) == run
    True
    """

    model: ModelConfig
    data: str
    steps: int
    batch_sequences: int
    lr: float
    schedule: str = "wsd"
    warmup: int = 0
    decay_steps: int = 0
    decay_shape: str = "linear"
    final_lr: float = 0.0
    weight_decay: float = 0.1
    decay_norms: bool = False
    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-8
    clip: float = 1.0
    seed: int = 0
    evaluate_at: tuple = field(default=())
    val_sequences: int = 512
    precision: str = "fp32"
    compile: bool = False
    accumulate: int = 1
    device: str = "auto"
    max_epochs: float = 4.0

    def __post_init__(self):
        """Check and convert the values."""
        if isinstance(self.model, dict):
            known = known_fields(ModelConfig, self.model, "model")
            object.__setattr__(self, "model", ModelConfig(**known))
        if not isinstance(self.model, ModelConfig):
            raise ValueError(f"model must be a ModelConfig. Got {self.model!r}.")
        object.__setattr__(self, "data", str(self.data))
        object.__setattr__(self, "evaluate_at", tuple(sorted(set(self.evaluate_at))))
        for name in ("steps", "batch_sequences", "val_sequences", "accumulate"):
            check_count(name, getattr(self, name))
        for name in ("warmup", "decay_steps", "seed"):
            check_count(name, getattr(self, name), 0)
        check_choice("schedule", self.schedule, SCHEDULES)
        check_choice("decay_shape", self.decay_shape, DECAY_SHAPES)
        check_choice("precision", self.precision, PRECISIONS)
        check_number("lr", self.lr, 0, float("inf"), low_open=True, high_open=True)
        check_number("final_lr", self.final_lr, 0, 1)
        check_number("weight_decay", self.weight_decay, 0, float("inf"), high_open=True)
        check_number("beta1", self.beta1, 0, 1, high_open=True)
        check_number("beta2", self.beta2, 0, 1, high_open=True)
        check_number("eps", self.eps, 0, 1, low_open=True)
        check_number("clip", self.clip, 0, float("inf"), low_open=True)
        check_number("max_epochs", self.max_epochs, 0, float("inf"), low_open=True)
        if self.warmup + self.decay_steps > self.steps:
            raise ValueError(
                f"warmup={self.warmup} and decay_steps={self.decay_steps} do not fit into "
                f"steps={self.steps}; shorten them or train longer."
            )
        if self.schedule == "cosine" and self.decay_steps:
            raise ValueError("decay_steps belongs to schedule='wsd'; a cosine decays throughout.")
        if self.batch_sequences % self.accumulate:
            raise ValueError(
                f"batch_sequences={self.batch_sequences} is not a multiple of "
                f"accumulate={self.accumulate}."
            )
        late = [step for step in self.evaluate_at if not 0 <= step <= self.steps]
        if late:
            raise ValueError(f"evaluate_at has {late[0]!r}, outside 0 to steps={self.steps}.")

    @property
    def batch_tokens(self):
        """Tokens per optimiser step."""
        return self.batch_sequences * self.model.seq_len

    @property
    def D(self):
        """Training tokens."""
        return self.steps * self.batch_tokens

    @property
    def fork_step(self):
        """Step at which the learning rate starts to fall: where a branch leaves its trunk."""
        return self.steps - self.decay_steps if self.schedule == "wsd" else self.warmup

    @property
    def hash(self):
        """Twelve hexadecimal digits that tell this configuration from any other.

        The place of the data, the device and the limit on epochs are left out; the content of the
        data has a hash of its own.
        """
        return self._digest(_NOT_IDENTITY)

    @property
    def stem(self):
        """The hash of what decides the course of the run up to `fork_step`.

        Equal for a trunk and the branches that may fork from it.
        """
        return self._digest((*_NOT_IDENTITY, *_NOT_STEM))

    def _digest(self, without):
        values = {k: v for k, v in asdict(self).items() if k not in without}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]

    def to_json(self):
        """Return the configuration as JSON text."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text, where="the configuration"):
        """Read a configuration from JSON text.

        Parameters
        ----------
        text : str
            A JSON object with the parameters of this class; ``model`` is an object too.
        where : str
            What to call the text in an error.

        Returns
        -------
        RunConfig
            The configuration.

        Raises
        ------
        ValueError
            If the text is not JSON, a key is unknown or missing, or a value is out of range.
        """
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"{where} is not JSON: {error}.") from None
        if not isinstance(values, dict):
            raise ValueError(f"{where} must be a JSON object. Got {type(values).__name__}.")
        known_fields(cls, values, where)
        missing = {"model", "data", "steps", "batch_sequences", "lr"} - set(values)
        if missing:
            raise ValueError(f"{where} lacks {', '.join(sorted(missing))}.")
        return cls(**values)

    @classmethod
    def read(cls, path):
        """Read a configuration from a JSON file.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        RunConfig
            The configuration.
        """
        return cls.from_json(Path(path).read_text(encoding="utf-8"), str(path))
