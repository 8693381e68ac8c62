"""An IsoFLOP sweep: its cells, their learning rates, their runs."""

import json
import math

from .plan import Group, Task, cell_config, plan_cells, plan_groups, rule_rates
from .run_set import RunSet
from .tuning import best_rate, next_rates


class Sweep(RunSet):
    """An IsoFLOP sweep in its folder.

    Parameters
    ----------
    config : SweepConfig
        The sweep.
    out : path-like
        Its folder, created when it is trained.

    Attributes
    ----------
    cells : list of Cell
        The plan.

    Raises
    ------
    ValueError
        If the plan has no cell that can be trained, the corpus is too small, or the folder holds
        something else.
    """

    def __init__(self, config, out):
        super().__init__(config.data, out)
        self.config = config
        self.cells = plan_cells(config, self.corpus.vocab_size)
        self.trained = [cell for cell in self.cells if not cell.reason]
        self.check()

    @property
    def stated(self):
        """The configuration and the content of the corpus."""
        return json.loads(self.config.to_json()) | {"data_hash": self.corpus.hash}

    def plan(self):
        """Return a dict per cell; the learning rate is None where it is not tuned yet."""
        rates, _ = self._rates()
        return [
            {
                "run": cell.name,
                "budget": cell.budget,
                "model": cell.model,
                "seed": cell.seed,
                "steps": cell.steps,
                "batch_tokens": cell.batch_sequences * cell.model.seq_len,
                "lr": rates.get(cell.model),
                "reason": cell.reason,
            }
            for cell in self.cells
        ]

    def groups(self):
        """Return the runs of the cells.

        Returns
        -------
        list of Group
            With the learning rate of the rule for a size whose own is still being tuned; without
            the sizes that diverged at every rate.
        """
        rates, untuned = self._rates()
        cells = [cell for cell in self.trained if cell.model in rates | untuned]
        return plan_groups(self.config, cells, rates | untuned)

    def tuning(self):
        """Return the runs that were trained to choose the learning rates."""
        if self.config.lr != "tune":
            return []
        return [
            self._tuning_task(model, rate)
            for model, start in rule_rates(self.config, self.trained).items()
            for rate in sorted(self._tried(model, start)[0])
        ]

    def before(self, stage):
        """Tune the learning rates, if the sweep asks for it."""
        if self.config.lr != "tune":
            return
        rates = rule_rates(self.config, self.trained)
        while True:
            groups = []
            for model, start in rates.items():
                losses, outstanding = self._tried(model, start)
                if outstanding:
                    tasks = tuple(self._tuning_task(model, rate) for rate in outstanding)
                    groups.append(Group(f"{model.name}-lr{len(losses)}", tasks))
            if not groups:
                return
            stage.train(sorted(groups, key=lambda group: -group.flops))

    def _rates(self):
        """Return the peak learning rates by size, and those of the rule where tuning goes on."""
        rates = rule_rates(self.config, self.trained)
        if self.config.lr != "tune":
            return rates, {}
        tuned, untuned = {}, {}
        for model, start in rates.items():
            losses, outstanding = self._tried(model, start)
            if outstanding:
                untuned[model] = start
            elif any(map(math.isfinite, losses.values())):
                tuned[model] = best_rate(losses)
        return tuned, untuned

    def _tried(self, model, start):
        """Return the losses of the rates tried, and the rates that are to be tried next."""
        losses = {}
        while asked := next_rates(losses, start):
            found = {rate: self.backend.loss(self._tuning_task(model, rate)) for rate in asked}
            losses |= {rate: loss for rate, loss in found.items() if loss is not None}
            outstanding = [rate for rate, loss in found.items() if loss is None]
            if outstanding:
                return losses, outstanding
        return losses, []

    def _tuning_task(self, model, rate):
        """Return a run at the middle budget of a size (the lower of two), with the first seed."""
        seed = self.config.seeds[0]
        cells = [c for c in self.trained if c.model == model and c.seed == seed]
        cell = cells[(len(cells) - 1) // 2]
        config = cell_config(self.config, cell, rate, cells)
        return Task(f"{model.name}-lr/{rate:.6g}", config, cell.budget)
