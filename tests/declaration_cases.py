"""What tests of declarations share: two that are right, and how one is read, refused or spoiled."""

import pytest

from autoint_jax.data.datasets.declaration.table import load
from autoint_jax.errors import UsageError

GOOD = """
files: [a.csv, "b-*.csv"]
form: csv
header: true
separator: ";"
quote: "'"
encoding: latin-1
decimal: ","
thousands: "."
missing: ["?", NA]
infinite: missing
label: {column: income, positive: [">50K"], negative: ["<=50K"]}
split:
  time: {column: when, valid: 0.2, test: 0.1, format: "%d/%m/%Y", missing_time: train, as_field: false}
fields:
- {name: age, kind: numeric, transform: standard, missing_values: [-1, 99.5]}
- {name: city, min_count: 3, cap: 20, missing: value, missing_values: [none], embedding_dim: 4}
- {name: town, column: city2, shares: city, missing: value}
- {name: tags, kind: multivalued, separator: "|", max_values: 2}
- {name: user, transform: hash, buckets: 100, missing: nothing}
- {name: height, transform: quantiles, buckets: 5}
"""
SHORT = 'files: a.csv\nlabel: y\nfields: [{name: a}]\n'


def read(tmp_path, text, name='mine.yaml'):
    """Returns what `load` reads from a file with this text."""
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path)


def field(tmp_path, text):
    """Returns the plan of a field that is declared by `text`."""
    return read(tmp_path, f'files: a.csv\nlabel: y\nfields: [{{{text}}}]\n').plan.fields[0]


def refusal(tmp_path, text, name='mine.yaml'):
    """Returns the sentence that refuses a file with this text, without the folder of its path."""
    with pytest.raises(UsageError) as error:
        read(tmp_path, text, name)
    sentence = str(error.value)
    assert '\n' not in sentence and sentence.startswith(str(tmp_path))
    return sentence.removeprefix(f'{tmp_path}/')


def check_mistake(tmp_path, old, new, sentence):
    """Asserts that SHORT with `new` in place of `old` is refused, and that the refusal has this part."""
    assert old in SHORT
    said = refusal(tmp_path, SHORT.replace(old, new, 1))
    assert sentence in said and said.startswith('mine.yaml') and len(said) < 700, said
