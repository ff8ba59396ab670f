"""Scores new raw rows with a trained run: a file of any size, a folder of files, or a pipe.

    python scripts/predict.py --run_dir=RUN_DIR --input=new.csv
    python scripts/predict.py --run_dir=RUN_DIR --input=new.parquet --output=scores.csv --keep=user,item
    cat new.csv | python scripts/predict.py --run_dir=RUN_DIR --input=- --output=- | head

Rows are encoded as those of the training were, and scored in their order. The scores have a row for each row of the
input: its number from 0, the columns that --keep names, its label if there is one, its logit and its probability. A row
that cannot be parsed has no score. Columns are found by their names, in any order; files without names need the columns
of the training files, with or without the label. Labels are optional: with labels, AUC and logloss are printed. At the
end, the values that the run does not know are counted, by field. Messages go to standard error if the scores go to
standard output.
"""

import sys

from autoint_jax import interruptions

interruptions.handle()

import compilation_flags
import run_flags
from absl import flags

from autoint_jax import command
from autoint_jax.errors import UsageError

_INPUT = flags.DEFINE_string(
    'input',
    None,
    'File of rows: text as the training files were, also packed, or Parquet; a folder of such files, or of the raw '
    'files of MovieLens; or "-", standard input.',
)
_OUTPUT = flags.DEFINE_string(
    'output', 'scores.parquet', 'File for the scores, ending in .parquet or .csv; "-" writes CSV to standard output.'
)
_KEEP = flags.DEFINE_list('keep', [], 'Columns of the input that the scores have, too.')
_MAX_BAD_SHARE = flags.DEFINE_float(
    'max_bad_share',
    0.001,
    'Stop if more than this share of the rows cannot be parsed; up to two such rows are allowed unless the share is 0.',
)
_DATA_DIR = flags.DEFINE_string(
    'data_dir', 'data/prepared', 'Folder of prepared data; only runs of earlier versions need it.'
)
flags.adopt_module_key_flags(compilation_flags)
flags.adopt_module_key_flags(run_flags)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

import pathlib

from autoint_jax.data.preparation.progress import PreparationBar
from autoint_jax.evaluation import metrics
from autoint_jax.scoring.inputs import input_files
from autoint_jax.scoring.output import STANDARD, check_output, scores_file
from autoint_jax.scoring.predictor import Predictor
from autoint_jax.terminal import shown
from autoint_jax.training.trained import open_scorer
from autoint_jax.units import counted


def main(argv: list[str]) -> None:
    run_dir = run_flags.run_dir()
    if _INPUT.value is None:
        raise UsageError('say which rows: --input=FILE, --input=FOLDER, or --input=- for standard input')
    check_output(_OUTPUT.value, 'output')
    if _OUTPUT.value != STANDARD and pathlib.Path(_INPUT.value).resolve() == pathlib.Path(_OUTPUT.value).resolve():
        raise UsageError(f'--output={_OUTPUT.value} is the input: name another file')
    compilation_flags.start_cache()
    predictor = Predictor(
        open_scorer(run_dir, _DATA_DIR.value, run_flags.STEP.value), _KEEP.value, _MAX_BAD_SHARE.value
    )
    with PreparationBar(stderr=_OUTPUT.value == STANDARD) as bar:
        with input_files(_INPUT.value, predictor.encoder.plan) as rows:
            if rows.left_out:
                bar.say(f'files of the folder that are not read: {", ".join(map(shown, rows.left_out))}')
            with scores_file(_OUTPUT.value, predictor.empty()) as write:
                for scores in predictor.scores(rows.paths, bar):
                    write(scores)
            bar.end(predictor.rows)
    _report(predictor)


def _report(predictor: Predictor) -> None:
    """Says what was scored: bad rows, figures, and values that the run does not know."""

    def say(sentence: str) -> None:
        print(shown(sentence), file=sys.stderr if _OUTPUT.value == STANDARD else sys.stdout)

    bad = predictor.bad
    if not predictor.rows:
        say('there is no row in the input, so the scores have none')
    if bad.count:
        say(f'{bad.count:,} of {counted(predictor.rows, "row")} could not be parsed and have no score; the first:')
        for line in bad.lines():
            say(f'  {line}')
    if predictor.figures.rows:
        figures = metrics.line(predictor.figures.figures(), more_digits=2)
        say(f'{counted(predictor.figures.rows, "row")} with a label: {figures}')
    if sentence := predictor.without_label():
        say(sentence)
    if predictor.rows > bad.count:
        for line in predictor.encoder.unseen.lines(predictor.rows - bad.count, predictor.encoder.usual):
            say(line)
    if _OUTPUT.value != STANDARD:
        say(f'scores of {counted(predictor.rows, "row")}: {_OUTPUT.value}')


if __name__ == '__main__':
    command.run(main)
