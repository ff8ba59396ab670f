"""What tests of tables in text share: a layout, its rows, and how a file is written and read."""

import gzip
import zipfile

from backports import zstd

from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.data.raw.rows import parsed, sound_rows
from autoint_jax.data.text.blocks import blocks
from autoint_jax.data.text.layout import Layout
from autoint_jax.data.text.tally import Tally

COLUMNS = (('y', 'integer'), ('a', 'text'), ('b', 'text'), ('x', 'real'))
NAMES = [name for name, _ in COLUMNS]
CSV = Layout(COLUMNS, separator=',', quote='"', strip=True)


def read(path, layout, *, block_bytes=1 << 20, columns=None):
    """Reads a file: returns its rows, its bad rows as (line, reason), and the tally, after checking it."""
    columns, label = columns or [name for name, _ in layout.columns], LabelPlan('y')
    tally, rows, bad = Tally(path), [], []
    for block in blocks(tally, layout, block_bytes=block_bytes, sound=sound_rows(layout, columns, label)):
        raw = parsed(block, layout, columns, label)
        tally.add(raw.frame.height, len(raw.bad), sum(row.lines for row in raw.bad), raw.blank, raw.spanning)
        rows += raw.frame.rows()
        bad += [(row.line, row.reason) for row in raw.bad]
    tally.check()
    return rows, bad, tally


def read_text(tmp_path, text, layout=CSV, **options):
    """Writes a text, or bytes, to rows.csv and reads it as `read` does."""
    path = tmp_path / 'rows.csv'
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(path, layout, **options)


def pack(path, content):
    """Writes a file, packed as the suffix of its name says."""
    if path.suffix == '.zip':
        with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
            archive.writestr('inside/table.csv', content)
    else:
        path.write_bytes({'.gz': gzip.compress, '.zst': _zstandard}.get(path.suffix.lower(), bytes)(content))


def _zstandard(content):
    return zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: 1})


ROWS = ['0,u,v,0.5', '1,w,x,1.5']
SOUND = [(0, 'u', 'v', 0.5), (1, 'w', 'x', 1.5)]
