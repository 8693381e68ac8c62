"""What could be found out about the items of a checklist."""

from ._item import FILLED, MISSING, NOT_APPLICABLE


class Found:
    """Answers and facts by key, as they are collected.

    Attributes
    ----------
    answers : dict of str to (str, str)
        Answer and status.
    facts : dict of str to list of Fact
    """

    def __init__(self):
        self.answers = {}
        self.facts = {}

    def fill(self, key, answer, *facts):
        """Answer an item, with what contradicts other answers."""
        self.answers[key] = (answer, FILLED)
        self.facts[key] = list(facts)

    def hint(self, key, answer, *facts):
        """Say what is known of an item that stays missing."""
        self.answers[key] = (answer, MISSING)
        self.facts[key] = list(facts)

    def waive(self, key, reason):
        """Say why an item does not apply."""
        self.answers[key] = (reason, NOT_APPLICABLE)

    def add(self, key, text):
        """Add a sentence to the answer of an item, or make it the answer."""
        answer, status = self.answers.get(key, ("", FILLED))
        self.answers[key] = (f"{answer}; {text}" if answer else text, status)
