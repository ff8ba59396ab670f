"""A progress of preparations that keeps what is said."""

from autoint_jax.data.preparation.progress import SilentPreparation


class Heard(SilentPreparation):
    """Keeps the sentences that a preparation says.

    Attributes:
      sentences: the sentences, in order.
    """

    def __init__(self):
        self.sentences = []

    def say(self, sentence):
        self.sentences.append(sentence)
