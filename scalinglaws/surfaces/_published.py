"""A catalogue of published laws: parameters, source, units and counting convention."""

import difflib
from dataclasses import dataclass

import numpy as np

UNITS = "loss in nats per token; N in parameters; D in tokens"


@dataclass(frozen=True)
class PublishedLaw:
    """One published law.

    Parameters
    ----------
    name : str
        Key of the catalogue.
    form : str
        Class in `scalinglaws.surfaces` that evaluates it.
    parameters : dict
        Keyword arguments of that class.
    source : str
        Paper and place.
    counting : str
        What N and C count.
    data : str
        What it was fitted to.
    note : str
        What to know before using it.
    units : str
        Units of loss, N and D.
    """

    name: str
    form: str
    parameters: dict
    source: str
    counting: str
    data: str
    note: str = ""
    units: str = UNITS


def _chinchilla(name, E, A, B, alpha, beta, **facts):
    parameters = {"E": E, "A": A, "B": B, "alpha": alpha, "beta": beta}
    return PublishedLaw(name, "ChinchillaSurface", parameters, **facts)


_MASSIVETEXT = "more than 400 runs on MassiveText, 70M to 16B parameters"
_DIGITISED = "points digitised from figure 4 of Hoffmann et al. 2022"
_TOTAL = "N with embeddings; C = 6 N D"

_CATALOGUE = (
    _chinchilla(
        "hoffmann2022", 1.69, 406.4, 410.7, 0.34, 0.28,
        source="Hoffmann et al. 2022, arXiv 2203.15556, equation 10 (Approach 3)",
        counting=_TOTAL, data=_MASSIVETEXT,
        note="Rounded as printed: moves N* at 5.76e23 from 40B to 32B. Prefer the unrounded law.",
    ),
    _chinchilla(
        "hoffmann2022_unrounded",
        float(np.exp(0.5267228)), float(np.exp(6.0073404)), float(np.exp(6.0179186)),
        0.33917084, 0.2849083,
        source="LaTeX source of Hoffmann et al. 2022, as given by Besiroglu et al. 2024",
        counting=_TOTAL, data=_MASSIVETEXT,
        note="Besiroglu et al. 2024 reject it on the digitised points (p = 2e-49).",
    ),
    _chinchilla(
        "besiroglu2024", 1.8172, 482.01, 2085.43, 0.3478, 0.3658,
        source="Besiroglu et al. 2024, arXiv 2404.10102, table 1",
        counting="N as plotted by Hoffmann et al.; C = 6 N D", data=f"240 of 245 {_DIGITISED}",
        note="Rounded as printed.",
    ),
    _chinchilla(
        "besiroglu2024_unrounded", 1.8168641, 482.00599, 2085.43513, 0.34781306, 0.36585414,
        source="Besiroglu et al. 2024, analysis notebook; recomputed to these digits",
        counting="N as plotted by Hoffmann et al.; C = 6 N D", data=f"240 of 245 {_DIGITISED}",
        note="The published estimate is the least-absolute-deviations fit of the log loss.",
    ),
    _chinchilla(
        "besiroglu2024_huber", 1.817218, 477.826, 2143.417, 0.34731050, 0.36717243,
        source="optimum of the objective of Besiroglu et al. 2024 (log-Huber, delta 1e-3)",
        counting="N as plotted by Hoffmann et al.; C = 6 N D", data=f"240 of 245 {_DIGITISED}",
    ),
    _chinchilla(
        "muennighoff2023", 1.878, 386.7, 2736.8, 0.3348, 0.3829,
        source="Muennighoff et al. 2023, arXiv 2305.16264, fitting notebook",
        counting=_TOTAL, data="54 points digitised from IsoFLOP curves on C4",
    ),
    _chinchilla(
        "muennighoff2023_tied", 1.869, 520.8, 1487.7, 0.35266, 0.35266,
        source="Muennighoff et al. 2023, arXiv 2305.16264 (alpha = beta)",
        counting=_TOTAL, data="54 points digitised from IsoFLOP curves on C4",
    ),
    _chinchilla(
        "li2025", 1.80774, 51.357, 467785.0, 0.200196, 0.635697,
        source="Li et al. 2025, arXiv 2502.18969, stored results of the figure on functional forms",
        counting="N with input and output embeddings; C = 6 N D",
        data="261 final checkpoints at all learning rates, 57M to 1.2B parameters",
        note="The released code selects the best learning rate instead (81 rows, a = 0.829).",
    ),
    _chinchilla(
        "li2025_tied", 2.54502, 33529.0, 251556.0, 0.603380, 0.603380,
        source="Li et al. 2025, arXiv 2502.18969 (alpha = beta)",
        counting="N with input and output embeddings; C = 6 N D",
        data="261 final checkpoints at all learning rates, 57M to 1.2B parameters",
    ),
    _chinchilla(
        "gemstones2025", 2.143, 213.0, 4.95e6, 0.2929, 0.7129,
        source="Gemstones 2025, arXiv 2502.06857 (Approach 3)",
        counting="N with embeddings", data="22 shapes, 0.05 to 2.0B parameters",
        note="The authors show that it moves strongly with the selection of checkpoints.",
    ),
    _chinchilla(
        "soda2026", 3.169, 215886.0, 4750.0, 0.684, 0.439,
        source="SODA, arXiv 2602.16687, as used by Czech et al. 2026", counting=_TOTAL,
        data="interleaved audio and text models",
    ),
    _chinchilla(
        "sparse_nmm2025", 2.158, 381773.0, 4659.0, 0.710, 0.372,
        source="Shukor et al. 2025, arXiv 2504.07951, as used by Czech et al. 2026",
        counting="active parameters", data="sparse native multimodal models",
    ),
    PublishedLaw(
        "kaplan2020", "KaplanSurface",
        {"Nc": 6.4e13, "Dc": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103},
        source="Kaplan et al. 2020, arXiv 2001.08361, equation 1.5 and table 2",
        counting="N without embeddings", data="WebText2, 768 to 1.5B parameters",
        note="The recommended N ~ C**0.73 comes from their law in steps, not from this one.",
    ),
    PublishedLaw(
        "kaplan2020_L(N)", "PowerLawCurve", {"A": 8.8e13**0.076, "alpha": 0.076},
        source="Kaplan et al. 2020, arXiv 2001.08361, equation 1.1",
        counting="N without embeddings", data="WebText2, trained to convergence",
    ),
    PublishedLaw(
        "kaplan2020_L(D)", "PowerLawCurve", {"A": 5.4e13**0.095, "alpha": 0.095},
        source="Kaplan et al. 2020, arXiv 2001.08361, equation 1.2",
        counting="D in tokens", data="WebText2, large models stopped early",
    ),
    PublishedLaw(
        "kaplan2020_L(C)", "PowerLawCurve", {"A": (3.1e8 * 8.64e19) ** 0.050, "alpha": 0.050},
        source="Kaplan et al. 2020, arXiv 2001.08361, equation 1.3",
        counting="C_min without embeddings, converted from PF-days (8.64e19 FLOPs)",
        data="WebText2, compute-efficient training", units="loss in nats per token; C in FLOPs",
    ),
)  # fmt: skip


def published_laws():
    """Return the catalogue of published laws.

    Returns
    -------
    tuple of PublishedLaw

    Examples
    --------
    >>> from scalinglaws.surfaces import published_laws
    >>> [law.name for law in published_laws()][:2]
    ['hoffmann2022', 'hoffmann2022_unrounded']
    """
    return _CATALOGUE


def lookup(name, form):
    """Return the entry `name` of the given `form`; the error lists the names there are."""
    names = [law.name for law in _CATALOGUE if law.form == form]
    if name not in names:
        close = difflib.get_close_matches(str(name), names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"No published {form} named {name!r}.{hint} Known: {', '.join(names)}.")
    return next(law for law in _CATALOGUE if law.name == name)
