"""What tests of stale data share: a table of two files, its preparation, and what may change in it."""

import json

from autoint_jax.data.datasets import own_table, registry
from autoint_jax.data.datasets.declaration.table import load
from autoint_jax.data.preparation import staleness
from autoint_jax.data.store.manifest import PREPARATION
from autoint_jax.data.store.opening import open_prepared

DECLARATION = """
files: [part-*.csv]
label: y
split: {random: {valid: 0.2, test: 0.2, seed: 0}}
fields:
- {name: a, min_count: 2}
- {name: b, kind: numeric}
"""


def write_tables(folder):
    """Writes two files with 60 rows each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(2):
        rows = ''.join(f'{(row * 7 + number) % 3 % 2},{row % 5},{row / 3:.3f}\n' for row in range(60))
        (folder / f'part-{number}.csv').write_text('y,a,b\n' + rows)


def prepared_folder(tmp_path):
    """Returns a folder with raw files and their declaration, beside the data that was prepared from them."""
    write_tables(tmp_path / 'raw')
    (tmp_path / 'raw' / 'mine.yaml').write_text(DECLARATION)
    own_of(tmp_path / 'raw').prepare()
    return tmp_path / 'raw'


class own_of:
    """Prepares the table that mine.yaml in a folder declares, and asks whether it must be prepared again."""

    def __init__(self, folder, raw_dir=None):
        self.schema, self.raw_dir = folder / 'mine.yaml', raw_dir
        self.data_dir = folder.parent / 'out'

    def prepare(self, share=0.001):
        """Prepares the table and returns the data."""
        return registry.prepare_own(self.schema, self.raw_dir, self.data_dir, registry.Options(share))

    def again(self, *, verify=False, share=0.001):
        """Returns what is said if the data is up to date. Raises UsageError if it is not."""
        said, origin = [], own_table.origin_of(load(self.schema))
        data = open_prepared(self.data_dir, 'csv', 'mine')
        staleness.check(data, staleness.Asked(origin, self.raw_dir, self.schema.parent, share, verify), said.append)
        return said


def edit(path, old, new):
    """Replaces a text that a file holds."""
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def forget(data_dir):
    """Makes the manifest one of an earlier version, which did not record how data was made."""
    (path,) = data_dir.glob('*/*/manifest.json')
    manifest = json.loads(path.read_text())
    del manifest[PREPARATION]
    path.write_text(json.dumps(manifest))


def append(folder):
    """Adds a row to the second file."""
    with open(folder / 'part-1.csv', 'a') as file:
        file.write('1,2,3\n')


def flip(folder):
    """Changes a value of the first file; its size stays."""
    path = folder / 'part-0.csv'
    path.write_text(path.read_text().replace('\n0,', '\n1,', 1))
