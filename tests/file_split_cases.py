"""What tests of splits by files share: files of each split, their declaration, and its preparation."""

import pytest

from autoint_jax.data.datasets.own_table import prepare_own
from autoint_jax.data.preparation.progress import SilentPreparation
from autoint_jax.errors import UsageError

SPLIT = 'split: {files: {train: ["part-*.csv"], valid: held.csv, test: [last.csv]}}'
DECLARATION = f'label: y\n{SPLIT}\nfields: [{{name: a}}, {{name: x, kind: numeric}}]\n'


def prepare(path, progress=None):
    """Prepares the table of a declaration and returns the data."""
    return prepare_own(
        path,
        None,
        path.parent / 'out' / path.stem,
        dataset='csv',
        recipe=path.stem,
        max_bad_share=0.001,
        progress=progress or SilentPreparation(),
    )


def rows_of(name, count):
    """Returns rows of a label, a value with this name, and a number."""
    return [(row % 2, f'{name}{row % 3}', row) for row in range(count)]


def write(path, rows, header='y,a,x'):
    """Writes a header and rows to a file."""
    path.write_text('\n'.join([header, *(','.join(map(str, row)) for row in rows)]) + '\n')


def named_folder(tmp_path):
    """Returns a folder with files of each split and their declaration, mine.yaml."""
    for name, count in (('part-2', 7), ('part-1', 5), ('held', 4), ('last', 6)):
        write(tmp_path / f'{name}.csv', rows_of(name, count))
    (tmp_path / 'mine.yaml').write_text(DECLARATION)
    return tmp_path


def refused(path, match):
    """Checks that a table is refused with a sentence that matches."""
    with pytest.raises(UsageError, match=match):
        prepare(path)
