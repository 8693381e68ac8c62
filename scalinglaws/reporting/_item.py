"""One item of the checklist."""

from dataclasses import dataclass

FILLED, GIVEN, MISSING = "filled automatically", "given", "missing"
NOT_APPLICABLE = "not applicable"
STATUSES = (FILLED, GIVEN, MISSING, NOT_APPLICABLE)


@dataclass(frozen=True)
class ChecklistItem:
    """One item of a `Checklist`.

    Parameters
    ----------
    key : str
        Name of the item.
    category : {"hypothesis", "training", "data", "fitting"}
    question : str
    answer : str
        Plain text. Of a missing item: what is known so far, or nothing.
    status : {"filled automatically", "given", "missing", "not applicable"}

    Examples
    --------
    >>> from scalinglaws.reporting import Checklist
    >>> print(Checklist()["seeds"])
    How many seeds? (missing)
    """

    key: str
    category: str
    question: str
    answer: str = ""
    status: str = MISSING

    def __str__(self):
        """Return question, answer and status on a line."""
        answer = f" {self.answer}" if self.answer else ""
        return f"{self.question}{answer} ({self.status})"
