"""The reference of a data set: description, citation, home page, terms of use, and the raw files."""

from typing import NamedTuple


class Reference(NamedTuple):
    """The reference of a published data set.

    Attributes:
      description: its rows and its label, in sentences.
      citation: BibTeX, as its publisher asks for it.
      homepage: URL of the page that publishes it.
      terms: terms of use, in short.
      files: names of the raw files that preparation reads.
    """

    description: str
    citation: str
    homepage: str
    terms: str
    files: str


KAGGLE_TERMS = (
    'The rules of the competition on Kaggle, which must be accepted there before the files can be downloaded. '
    'Do not redistribute the data, nor this form of it.'
)
OWN_TABLE_REFERENCE = Reference(
    'A table of its publisher, encoded by a declaration.', '', '', '', 'the files its declaration names'
)
