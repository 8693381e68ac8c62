"""The questions of the checklist, by category.

Categories and items follow the checklist of Li, Kudugunta and Zettlemoyer 2025, (Mis)Fitting,
arXiv 2502.18969; the wording is ours.
"""

CATEGORIES = {
    "hypothesis": "Scaling-law hypothesis",
    "training": "Training setup",
    "data": "Data collection",
    "fitting": "Fitting",
}
"""Categories of the checklist and their headings, in order."""

QUESTIONS = {
    "form": ("hypothesis", "Which functional form is fitted?"),
    "variables": ("hypothesis", "Which quantities does it relate, and in which units?"),
    "parameters": ("hypothesis", "Which parameters are fitted, and with what result?"),
    "n_parameters": ("hypothesis", "How many parameters has the law?"),
    "constraints": ("hypothesis", "Which relations are assumed, such as alpha = beta or E = 0?"),
    "origin": ("hypothesis", "Where does the form come from: theory, earlier work, or trial?"),
    "purpose": ("hypothesis", "Is it to predict performance, to choose an allocation, or both?"),
    "n_laws": ("hypothesis", "How many laws are fitted, and to what each?"),
    "n_runs": ("training", "How many models were trained?"),
    "model_sizes": ("training", "Which range of model sizes N do they cover?"),
    "data_sizes": ("training", "Which range of training tokens D do they cover?"),
    "compute": ("training", "Which range of training compute C do they cover?"),
    "ratios": ("training", "Which range of tokens per parameter D/N do they cover?"),
    "corpus": ("training", "What data were they trained on?"),
    "repetition": ("training", "Was data repeated, and how often?"),
    "parameter_counting": ("training", "What does N count: embeddings, last layer?"),
    "compute_counting": ("training", "How is C counted: 6 N D or exactly, with attention?"),
    "architecture": ("training", "Which architecture, in which shapes?"),
    "tokenizer": ("training", "Which tokenizer, with which vocabulary?"),
    "hyperparameters": (
        "training",
        "Which learning rate, schedule, warm-up, batch size, optimiser and weight decay?",
    ),
    "tuning": ("training", "How were they chosen, and how do they vary with scale?"),
    "seeds": ("training", "How many seeds?"),
    "training_code": ("training", "With which code; is it released?"),
    "n_points": ("data", "How many points enter the fit?"),
    "checkpoints_used": ("data", "Which checkpoints of a run enter the fit, and how many?"),
    "metric": ("data", "Which metric is fitted, in which unit?"),
    "evaluation_data": ("data", "On which data is it evaluated?"),
    "metric_modification": ("data", "Is it modified: smoothed, interpolated, transformed?"),
    "modification_code": ("data", "Is the code for that released?"),
    "exclusions": ("data", "Which runs or points are left out, and why?"),
    "scores_released": ("data", "Are the scores of the runs released?"),
    "checkpoints_released": ("data", "Are the checkpoints released?"),
    "objective": ("fitting", "Which objective: function, transition, loss or log loss?"),
    "noise": ("fitting", "How does the noise of a run vary; how are runs weighted?"),
    "optimiser": ("fitting", "Which optimiser, with which settings?"),
    "initialisation": ("fitting", "From which and how many starts; how is the best chosen?"),
    "convergence": ("fitting", "How is it known that the minimum was found?"),
    "uncertainty": ("fitting", "Which uncertainty, found how?"),
    "goodness": ("fitting", "How well does the law fit its own data?"),
    "validation": ("fitting", "How was it validated on runs beyond those fitted?"),
    "reach": ("fitting", "How far beyond its data is it used?"),
    "analysis_code": ("fitting", "Is the code of the analysis released?"),
}
"""Key of every item, with its category and its question, in order."""
