"""What a sweep is: its budgets, sizes, seeds and settings, as a frozen value."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from .config import ModelConfig, check_choice, check_count, check_number, known_fields


@dataclass(frozen=True, kw_only=True)
class SweepConfig:
    """An IsoFLOP sweep, completely specified.

    Parameters
    ----------
    data : str
        Folder of a prepared corpus.
    budgets : tuple of float
        Compute budgets, C = 6 N D in FLOPs.
    sizes : int
        Model sizes per budget, spread around ``sqrt(C / (6 * tokens_per_parameter))``. Sizes are
        shared between budgets.
    models : tuple of ModelConfig
        The sizes of every budget, in place of `sizes`.
    seeds : tuple of int
        Every cell is trained once with each.
    seq_len : int
        Tokens per sequence of the chosen sizes.
    ffn_multiple : int
        Of the chosen sizes, see `ModelConfig`.
    tokens_per_parameter : float
        Guess of the compute-optimal D / N, in the middle of the sizes.
    width : float
        The sizes of a budget reach from the middle divided by this to the middle times this.
    batch_tokens : int, optional
        Tokens per step of every size; `rule_batch_sequences` at the geometric mean of its D if not
        given.
    lr : {"rule", "tune"} or float
        Peak learning rate: `rule_learning_rate`; tuned per size, at the middle one of its budgets
        (the lower of two) and with the first seed; or one value for all.
    lr_scale : float
        Factor on the rule: on the rates themselves, or on those that tuning begins with.
    schedule : {"wsd", "cosine"}
        ``"wsd"``: one trunk of constant learning rate per size and seed, and a branch that decays
        for every budget. ``"cosine"``: every cell is a run of its own.
    decay_fraction : float
        Part of the steps of a cell in which the learning rate falls (``"wsd"``).
    decay_shape : {"linear", "sqrt", "cosine"}
        Course of that decay.
    warmup_fraction : float
        Warm-up as a part of the shortest run of a trunk, at least five steps.
    decay_norms : bool
        See `RunConfig`.
    weight_decay, beta1, beta2 : float
        Of AdamW. Small batches want a larger `beta2` than 0.95 (Porian et al. 2024).
    val_sequences : int
        Validation sequences per evaluation.
    precision : {"fp32", "bf16"}
        See `RunConfig`.
    compile : bool
        See `RunConfig`.
    device : str
        See `RunConfig`.
    max_epochs : float
        See `RunConfig`.

    Raises
    ------
    ValueError
        If a value is out of range.
    """

    data: str
    budgets: tuple
    sizes: int = 6
    models: tuple = ()
    seeds: tuple = (0,)
    seq_len: int = 128
    ffn_multiple: int = 32
    tokens_per_parameter: float = 30.0
    width: float = 4.0
    batch_tokens: int | None = None
    lr: object = "rule"
    lr_scale: float = 1.0
    schedule: str = "wsd"
    decay_fraction: float = 0.2
    decay_shape: str = "linear"
    warmup_fraction: float = 0.05
    decay_norms: bool = False
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.99
    val_sequences: int = 512
    precision: str = "fp32"
    compile: bool = False
    device: str = "auto"
    max_epochs: float = 4.0

    def __post_init__(self):
        """Check and convert the values."""

        def convert(name, value):
            object.__setattr__(self, name, value)

        convert("data", str(self.data))
        convert("budgets", tuple(sorted({float(budget) for budget in self.budgets})))
        convert("seeds", tuple(self.seeds))
        convert(
            "models",
            tuple(m if isinstance(m, ModelConfig) else ModelConfig(**m) for m in self.models),
        )
        if not self.budgets:
            raise ValueError("budgets must hold at least one budget.")
        for budget in self.budgets:
            check_number("budgets", budget, 0, math.inf, low_open=True, high_open=True)
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds must be different and at least one. Got {self.seeds}.")
        check_count("sizes", self.sizes)
        check_count("seq_len", self.seq_len, 2)
        check_number("tokens_per_parameter", self.tokens_per_parameter, 0, math.inf, low_open=True)
        check_number("width", self.width, 1, math.inf)
        check_number("decay_fraction", self.decay_fraction, 0, 1, low_open=True, high_open=True)
        check_number("warmup_fraction", self.warmup_fraction, 0, 1, high_open=True)
        if self.batch_tokens is not None:
            check_count("batch_tokens", self.batch_tokens, self.seq_len)
        check_number("lr_scale", self.lr_scale, 0, math.inf, low_open=True, high_open=True)
        if isinstance(self.lr, str):
            check_choice("lr", self.lr, ("rule", "tune"))
        else:
            check_number("lr", self.lr, 0, math.inf, low_open=True, high_open=True)

    def to_json(self):
        """Return the configuration as JSON text."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def read(cls, path, **replaced):
        """Read a configuration from a JSON file.

        Parameters
        ----------
        path : path-like
            The file; the ``sweep.json`` of a sweep will do.
        **replaced
            Parameters to take from here in place of those in the file.

        Returns
        -------
        SweepConfig
            The configuration.

        Raises
        ------
        ValueError
            If the file is not JSON, a key is unknown, or a value is out of range.
        """
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise ValueError(f"{path} is not JSON: {error}.") from None
        values.pop("data_hash", None)
        return cls(**known_fields(cls, values, str(path)) | replaced)
