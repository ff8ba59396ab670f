"""Turns the raw files of a data set into prepared columns that training reads from memory maps.

    python scripts/prepare_data.py --dataset=movielens_100k                      (downloads it, checksum verified)
    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=ml-1m        (the authors' recipe)
    python scripts/prepare_data.py --dataset=criteo --raw_dir=dac --recipe=bars
    python scripts/prepare_data.py --dataset=criteo --raw_dir=dac --crosses=best.yaml       (crossed fields, too)
    python scripts/prepare_data.py --dataset=frappe_x1 --raw_dir=frappe          (a table of BARS with its split)
    python scripts/prepare_data.py --infer=mine.csv > mine.yaml                  (a draft to correct)
    python scripts/prepare_data.py --dataset=csv --schema=mine.yaml              (trained as --config.data.recipe=mine)
    python scripts/prepare_data.py --dataset=csv --schema=day2.yaml --extend_from=day1     (ids of day 1 stay)

The command prints the numbers of rows, fields and features, beside the paper's Table 1 if the data set is in it.
Prepared data is not prepared again unless --overwrite is given; if the declaration, the recipe or the raw files have
changed since, that is an error. While Criteo, Avazu, KDD12 or a table of your own is prepared, the spool takes about as
much disk as the prepared data. Text files may be packed, such as train.txt.gz, .zst or .zip. Rows that cannot be parsed
are listed in bad_rows.tsv beside the prepared data. At the end, fields with unknown or missing values are listed, by
split.
"""

import pathlib
import sys
from collections.abc import Callable

from autoint_jax import interruptions

interruptions.handle()

import preparation_report
from absl import flags
from next_steps import shell_line

from autoint_jax import command
from autoint_jax.data.datasets import download, own_table, registry
from autoint_jax.data.datasets.declaration.crosses import NO_CROSSES, Crosses, load_crosses
from autoint_jax.data.datasets.declaration.table import load
from autoint_jax.data.datasets.drafting.draft import draft
from autoint_jax.data.preparation import staleness
from autoint_jax.data.preparation.origin import Origin
from autoint_jax.data.preparation.pipeline import MAX_BAD_SHARE
from autoint_jax.data.preparation.progress import PreparationBar
from autoint_jax.data.store import scratch
from autoint_jax.data.store.opening import OWN_TABLE, folder_of, open_extended, open_prepared
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError, nearest
from autoint_jax.terminal import Harmless, shown

_NAMES = [*registry.DATASETS, OWN_TABLE]
_DATASET = flags.DEFINE_string('dataset', None, f'Data set: {", ".join(_NAMES)}; {OWN_TABLE} is a table of your own.')
_RECIPE = flags.DEFINE_string(
    'recipe',
    None,
    'How to encode it; by default the first of: '
    + '. '.join(
        f'{name} has ' + ', '.join(f'{recipe} ({how.description})' for recipe, how in dataset.recipes.items())
        for name, dataset in registry.DATASETS.items()
    ),
)
_RAW_DIR = flags.DEFINE_string(
    'raw_dir', None, 'Folder of the raw files. Only movielens_100k is downloaded if it is not given.'
)
_SCHEMA = flags.DEFINE_string(
    'schema',
    None,
    f'With --dataset={OWN_TABLE}: YAML or JSON file that declares the table, as docs/data.md describes it.',
)
_INFER = flags.DEFINE_string('infer', None, 'Print a draft of such a declaration, guessed from this file, and stop.')
_CROSSES = flags.DEFINE_string(
    'crosses',
    None,
    'File of crossed fields to add to the recipe, as explain.py --export_crosses writes it; the data is called '
    'RECIPE_FILE. A table of your own has them in its declaration.',
)
_DATA_DIR = flags.DEFINE_string(
    'data_dir', 'data/prepared', 'Folder of prepared data; the data is written to DATA_DIR/DATASET/RECIPE.'
)
_OVERWRITE = flags.DEFINE_boolean('overwrite', False, 'Prepare the data again if it is already prepared.')
_EXTEND_FROM = flags.DEFINE_string(
    'extend_from',
    None,
    'Prepared data that the new data extends: the name of a recipe or declaration, or a folder. Its values keep their '
    'ids, new values get ids after them, and transforms stay as they were fitted, so that a model trained on it can '
    'be trained on by train.py --init_from.',
)
_VERIFY = flags.DEFINE_boolean(
    'verify',
    False,
    'Compare prepared data and its raw files with their checksums. Without this flag, raw files are compared by size '
    'and time only.',
)
_MAX_BAD_SHARE = flags.DEFINE_float(
    'max_bad_share',
    MAX_BAD_SHARE,
    'Stop if more than this share of the rows cannot be parsed; up to two such rows are allowed unless the share is 0.',
)


def main(argv: list[str]) -> None:
    if _INFER.value is not None:
        for flag in (_DATASET, _RECIPE, _RAW_DIR, _SCHEMA, _CROSSES, _EXTEND_FROM):
            if flag.value is not None:
                raise UsageError(f'--infer only prints a draft, so leave out --{flag.name}')
        if isinstance(sys.stdout, Harmless):
            sys.stdout.reconfigure(encoding='utf-8')  # declarations are UTF-8, whatever the terminal's encoding is
        print(draft(pathlib.Path(_INFER.value)), end='')
        return
    if _DATASET.value is None:
        raise UsageError(
            f'say which data set: --dataset={"|".join(_NAMES)}; movielens_100k is downloaded, the others need '
            '--raw_dir=FOLDER, and --infer=TABLE drafts a declaration of a table of your own'
        )
    _check_flags_are_read(_DATASET.value)
    data = _own_table() if _DATASET.value == OWN_TABLE else _named(_DATASET.value)
    for line in preparation_report.lines(data, _DATASET.value):
        _say(line)
    if _DATASET.value == OWN_TABLE:
        where = [f'--data_dir={_DATA_DIR.value}'] if _DATA_DIR.value != _DATA_DIR.default else []
        print(
            f'next: {shell_line("train.py", "--config=own_table", f"--config.data.recipe={data.folder.name}", *where)}'
        )


def _check_flags_are_read(dataset: str) -> None:
    """Raises UsageError if a flag is given that the data set does not read."""
    for flag, read in (
        (_SCHEMA, dataset == OWN_TABLE),
        (_RECIPE, dataset in registry.DATASETS),
        (_CROSSES, dataset in registry.DATASETS),
    ):
        if flag.value is not None and not read and dataset in _NAMES:
            raise UsageError(
                f'--dataset={dataset} does not read --{flag.name}, so leave it out'
                + (
                    f': write the key crosses of {_CROSSES.value} into the declaration'
                    if flag is _CROSSES
                    else ': the name of a table of your own is that of its declaration'
                    if flag is _RECIPE
                    else f': --dataset={OWN_TABLE} is a table that a declaration describes'
                )
            )


def _named(dataset: str) -> PreparedData:
    """Prepares a published data set."""
    if dataset not in registry.DATASETS:
        raise registry.unknown(dataset, _NAMES)
    recipe = registry.recipe_name(dataset, _RECIPE.value)
    named = None if _RAW_DIR.value is None else _raw_dir(dataset)
    crosses = NO_CROSSES if _CROSSES.value is None else load_crosses(pathlib.Path(_CROSSES.value))
    called = crosses.recipe(recipe)
    extends = _extended(dataset, called)
    return _already(
        dataset, called, lambda: registry.named(dataset).origin(recipe, crosses), named, None, extends
    ) or _prepared(
        lambda options: registry.prepare(
            dataset, recipe, named or _raw_dir(dataset), pathlib.Path(_DATA_DIR.value), options
        ),
        extends,
        crosses,
    )


def _own_table() -> PreparedData:
    """Prepares a table of the user."""
    if _SCHEMA.value is None:
        raise UsageError(f'--dataset={OWN_TABLE} needs --schema=FILE; --infer=TABLE prints a draft of it')
    schema = pathlib.Path(_SCHEMA.value)
    if not schema.is_file():
        known = sorted(str(path) for ending in ('yaml', 'yml', 'json') for path in schema.parent.glob(f'*.{ending}'))
        raise UsageError(
            f'--schema={schema} {"is a folder" if schema.is_dir() else "does not exist"}{nearest(str(schema), known)}: '
            'name the YAML or JSON file that declares your table; --infer=TABLE prints a draft of it'
        )
    raw_dir = None if _RAW_DIR.value is None else _raw_dir(OWN_TABLE)
    extends, origin = _extended(OWN_TABLE, schema.stem), lambda: own_table.origin_of(load(schema))
    return _already(OWN_TABLE, schema.stem, origin, raw_dir, schema.parent, extends) or _prepared(
        lambda options: registry.prepare_own(schema, raw_dir, pathlib.Path(_DATA_DIR.value), options), extends
    )


def _extended(dataset: str, recipe: str) -> PreparedData | None:
    """Opens the data that --extend_from names, to prepare data of that recipe; None if it names none."""
    if _EXTEND_FROM.value is None:
        return None
    return open_extended(_DATA_DIR.value, dataset, _EXTEND_FROM.value, folder_of(_DATA_DIR.value, dataset, recipe))


def _already(
    dataset: str,
    recipe: str,
    origin: Callable[[], Origin],
    raw_dir: pathlib.Path | None,
    usual_raw_dir: pathlib.Path | None,
    extends: PreparedData | None,
) -> PreparedData | None:
    """Returns the data if it is prepared, or None. Raises UsageError if a preparation would make other data now."""
    folder = folder_of(_DATA_DIR.value, dataset, recipe)
    scratch.check_replaceable(folder)
    if _OVERWRITE.value or not folder.exists() or not any(folder.iterdir()):
        return None
    data = open_prepared(_DATA_DIR.value, dataset, recipe)
    asked = staleness.Asked(
        origin(), raw_dir, usual_raw_dir, _MAX_BAD_SHARE.value, _VERIFY.value, None if extends is None else extends.hash
    )
    staleness.check(data, asked, _say)
    if _VERIFY.value:
        data.check_whole(_say)
    print(f'already prepared: {folder} (--overwrite prepares it again)')
    return data


def _say(sentence: str) -> None:
    print(shown(sentence))


def _prepared(
    prepare: Callable[[registry.Options], PreparedData], extends: PreparedData | None, crosses: Crosses = NO_CROSSES
) -> PreparedData:
    """Prepares the data, which may extend other data, under a progress bar."""
    with PreparationBar() as bar:
        data = prepare(registry.Options(_MAX_BAD_SHARE.value, bar, extends, crosses))
    print(f'prepared {data.folder}')
    return data


def _raw_dir(dataset: str) -> pathlib.Path:
    """Returns the folder of raw files. Raises UsageError if it is neither given nor downloaded."""
    if _RAW_DIR.value is not None:
        folder = pathlib.Path(_RAW_DIR.value)
        if not folder.is_dir():
            raise UsageError(f'--raw_dir={folder} is not a folder: name the folder that holds the raw files')
        return folder
    if dataset != 'movielens_100k':
        reference = registry.reference_of(dataset)
        raise UsageError(
            f'{dataset} is not downloaded, because its licence asks you to do that yourself: download it from '
            f'{reference.homepage}, unpack it, and pass --raw_dir=FOLDER with {reference.files}'
        )
    print('downloading MovieLens-100k')
    return download.movielens_100k(pathlib.Path('data/raw/movielens_100k'))


if __name__ == '__main__':
    command.run(main)
