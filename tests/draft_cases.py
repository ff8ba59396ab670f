"""What tests of drafts share: tables of text, their drafts, and what they prepare to."""

import gzip
import io
import re
import zipfile

from backports import zstd

from autoint_jax.data.datasets.declaration.table import load
from autoint_jax.data.datasets.drafting.columns import Column
from autoint_jax.data.datasets.drafting.draft import draft
from autoint_jax.data.datasets.own_table import prepare_own
from autoint_jax.data.preparation.progress import SilentPreparation
from autoint_jax.data.text.layout import Layout

PLAIN = 'click,city,x\n' + ''.join(f'{i % 2},{["Zürich", "Köln", "Århus"][i % 3]},{i}.5\n' for i in range(60))
NASTY = [
    'yes',
    'no',
    'on',
    'null',
    '~',
    '1e5',
    '01',
    '1_000',
    '0x1F',
    '2020-01-01',
    'a: b',
    '#x',
    "'",
    '"',
    "it's",
    'a"b',
    '- x',
    '[x]',
    '{x}',
    '*x',
    '&x',
    '!x',
    '%x',
    '@x',
    '`x',
    '|',
    '>',
    '?',
    ': x',
    'a#b',
    'Straße',
    '日本',
    '😀',
    'a b',
    '\\n',
    'trailing\\',
    '.5',
    '=',
    '<<',
    'true',
    'a,b',
    'nan',
    '.inf',
    'x' * 300,
]


def drafted(folder, name, content, encoding='utf-8'):
    """Writes a file and its draft; returns the draft and what is loaded of it, None where no label was found."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    text = draft(path)
    (folder / 'draft.yaml').write_text(text)
    return text, load(folder / 'draft.yaml') if re.search('^label:', text, re.MULTILINE) else None


def prepared(folder, max_bad_share=0.001):
    return prepare_own(
        folder / 'draft.yaml',
        None,
        folder / 'out',
        dataset='csv',
        recipe='draft',
        max_bad_share=max_bad_share,
        progress=SilentPreparation(),
    )


def column(name, texts, missing=()):
    return Column(name, list(map(str, texts)), Layout((), missing=missing))


def table(first, rows, separator=','):
    return '\n'.join(separator.join(map(str, row)) for row in [first, *rows]) + '\n'


ROWS = [[row % 2, f'c{row % 3}', round(row * 1.37 % 50, 2)] for row in range(60)]


def packed(kind, content):
    if kind == '.zip':
        file = io.BytesIO()
        with zipfile.ZipFile(file, 'w') as archive:
            archive.writestr('inside.csv', content)
        return file.getvalue()
    return {'.gz': gzip.compress, '.zst': zstd.compress}[kind](content)
