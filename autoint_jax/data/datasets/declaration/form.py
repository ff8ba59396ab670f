"""Reads the form of a declared table's files and the layout of their text."""

import codecs
import pathlib

from autoint_jax.data.datasets.declaration.fields import separator
from autoint_jax.data.datasets.declaration.values import Declared
from autoint_jax.data.text.layout import Layout
from autoint_jax.data.text.packed import unpacked_name
from autoint_jax.errors import UsageError

# Forms by the suffixes of file names.
FORMS = {
    '.csv': 'csv',
    '.tsv': 'tsv',
    '.txt': 'tsv',
    '.parquet': 'parquet',
    '.libsvm': 'libsvm',
    '.libfm': 'libsvm',
    '.svm': 'libsvm',
    '.ffm': 'libsvm',
    '.libffm': 'libsvm',
}
# Separators by form, unless the declaration gives one.
SEPARATORS = {'csv': ',', 'tsv': '\t', 'parquet': ',', 'libsvm': ' '}
QUOTES = {'csv': '"', 'tsv': None}  # quotes of the forms of text, unless the declaration says otherwise
TEXT_KEYS = ('header', 'columns', 'separator', 'quote', 'encoding', 'decimal', 'thousands')
_THOUSANDS = (',', '.', ' ', "'", '_', '\u00a0', '\u202f', '\u2019')


def read_form(content: dict[str, Declared], patterns: list[str], path: pathlib.Path) -> str:
    """Reads the form of the files, or takes it from their names.

    Args:
      content: values of the declaration by key.
      patterns: names or patterns of all files.
      path: the declaration, for error messages.

    Raises UsageError if no form is given and the names do not all say the same one.
    """
    if 'form' in content:
        return content['form'].choice(SEPARATORS)
    found: dict[str, str] = {}
    for pattern in patterns:
        suffix = pathlib.Path(unpacked_name(pathlib.Path(pattern))).suffix.lower()
        if suffix not in FORMS:
            raise UsageError(
                f'{path}: the name {pattern!r} does not say the form of the file: add form, one of '
                f'{", ".join(SEPARATORS)}'
            )
        found[pattern] = FORMS[suffix]
    first, form = next(iter(found.items()))
    for pattern, own in found.items():
        if own != form:
            raise UsageError(
                f'{path}: {first!r} looks like {form} and {pattern!r} like {own}: files of a table have one form, '
                f'say which by form'
            )
    return form


def read_layout(content: dict[str, Declared], form: str, whole: Declared) -> tuple[Layout, tuple[str, ...]]:
    """Reads the layout of the files.

    Args:
      content: values of the declaration by key.
      form: csv, tsv, parquet or libsvm.
      whole: the whole declaration, for error messages.

    Returns the layout without its columns, and the declared names of all columns, which may be none. Raises UsageError
    that names the key and the value.
    """
    missing = (
        content['missing'].texts('a list of values that are missing', none=True, empty=True)
        if 'missing' in content
        else ()
    )
    infinite = content['infinite'].choice(('bad', 'missing')) if 'infinite' in content else 'bad'
    if form not in QUOTES:
        for key in TEXT_KEYS:
            if key in content:
                raise content[key].error(f'is not read for files of form {form}: take it out')
        return Layout((), separator=SEPARATORS[form], strip=True, missing=missing, infinite=infinite), ()
    columns = content['columns'].texts('a list of the names of all columns') if 'columns' in content else ()
    header = content['header'].boolean() if 'header' in content else not columns
    if not header and not columns:
        raise whole.error('says header: false, so it must list the columns: columns: [a, b, ...]')
    between = _between(content['separator']) if 'separator' in content else SEPARATORS[form]
    quote = QUOTES[form]
    if 'quote' in content:
        word = content['quote'].choice(('none', '"', "'"))
        quote = None if word == 'none' else word
    layout = Layout(
        (),
        separator=between,
        header=header,
        own_names=header and bool(columns),
        quote=quote,
        strip=True,
        missing=missing,
        infinite=infinite,
        encoding=_encoding(content['encoding']) if 'encoding' in content else 'utf-8',
        decimal=content['decimal'].choice(('.', ',')) if 'decimal' in content else '.',
        thousands=_thousands(content['thousands']) if 'thousands' in content else '',
    )
    if layout.thousands == layout.decimal:
        raise whole.error(
            f'has {layout.thousands!r} both as thousands and as decimal, which is "." unless given: they must differ'
        )
    for key in ('decimal', 'thousands'):
        if key in content and quote is None and getattr(layout, key) == between:
            raise content[key].error(
                f'is {between!r}, which separates the columns: without quotes, no number can hold it'
            )
    return layout, columns


def _between(declared: Declared) -> str:
    """Reads the separator of columns, which holds no letters, digits or quotes."""
    text = separator(declared)
    if any(letter.isalnum() or letter in '"\'' for letter in text):
        declared.wrong('one or more characters that are no letters, digits or quotes, such as ",", "\\t" or "::"')
    return text


def _encoding(declared: Declared) -> str:
    """Reads the name of an encoding. Returns Python's own name of it."""
    name = declared.text('the name of an encoding, such as utf-8, latin-1 or cp1252')
    try:
        '\n'.encode(name)
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        declared.wrong('the name of an encoding, such as utf-8, latin-1 or cp1252')


def _thousands(declared: Declared) -> str:
    """Reads the mark between thousands, or the empty text."""
    text = declared.text('a mark between thousands', empty=True)
    if text and text not in _THOUSANDS:
        declared.wrong('a mark between thousands: one of "," "." " " "\'" "_"')
    return text
