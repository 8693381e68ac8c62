"""What a scaling law needs to be reported with: a checklist, filled in where it can be known."""

from ._checklist import Checklist
from ._item import ChecklistItem
from ._questions import CATEGORIES, QUESTIONS

__all__ = [
    "CATEGORIES",
    "QUESTIONS",
    "Checklist",
    "ChecklistItem",
]
