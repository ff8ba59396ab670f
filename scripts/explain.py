"""Writes a report about a trained run: how good it is, what it learned, and how far that can be believed.

    python scripts/explain.py --run_dir=runs/movielens_100k_autoint-0123456789ab
    python scripts/explain.py --run_dir=RUN_DIR --split=valid --rows=0,17,42
    python scripts/explain.py --run_dir=RUN_DIR --where=Gender=F --where=Age=25 --other_runs=RUN_DIR_2,RUN_DIR_3
    python scripts/explain.py --run_dir=RUN_DIR --input=new.csv
    python scripts/explain.py --run_dir=RUN_DIR --export_crosses=5 --crosses=best.yaml

The report is RUN_DIR/explanation/report.html, one file that opens in a browser without a network. Beside it are its
figures as PNG and SVG, its numbers as Parquet, and its answers in findings.json. Models of every kind can be explained;
maps are shown of those that have attention over fields. --export_crosses writes no report, but the pairs of fields that
interact most.
"""

import contextlib
import pathlib

from autoint_jax import interruptions

interruptions.handle()

import compilation_flags
import data_flags
import run_flags
from absl import flags

from autoint_jax import command
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.errors import UsageError

_SPLIT = flags.DEFINE_string('split', None, f'Split to explain: {", ".join(SPLITS)}; by default test.')
_INPUT = flags.DEFINE_string(
    'input', None, 'Raw rows to explain, in place of a split, as predict.py --input takes them.'
)
_WHERE = flags.DEFINE_multi_string(
    'where', [], 'FIELD=VALUE: explain only rows with this value. Given several times, all must hold.'
)
_ROWS = flags.DEFINE_list('rows', [], 'Numbers of single rows to show, counted from 0; others are drawn beside them.')
_OTHER_RUNS = flags.DEFINE_list('other_runs', [], 'Run folders of the same model with other seeds, to compare with.')
_SEGMENT_BY = flags.DEFINE_list(
    'segment_by', [], 'Fields whose values are segments of the rows; by default some of few values.'
)
_GROUP_BY = flags.DEFINE_string('group_by', '', 'Field within whose values the AUC is measured, such as a user.')
_OUTPUT_DIR = flags.DEFINE_string('output_dir', None, 'Folder for the report; by default RUN_DIR/explanation.')
_MAX_BAD_SHARE = flags.DEFINE_float(
    'max_bad_share', 0.001, 'Stop if more than this share of the rows of --input cannot be parsed.'
)
_DATA_DIR = flags.DEFINE_string('data_dir', 'data/prepared', 'Folder of prepared data.')
_EXPORT_CROSSES = flags.DEFINE_integer(
    'export_crosses',
    None,
    'Write the so many strongest pairs of fields by intervention, on validation rows, as crossed fields that '
    'prepare_data.py --crosses adds to data, and stop.',
)
_CROSSES = flags.DEFINE_string('crosses', None, 'File for the crosses; by default RUN_DIR/crosses_K.yaml.')
flags.adopt_module_key_flags(compilation_flags)
flags.adopt_module_key_flags(data_flags)
flags.adopt_module_key_flags(run_flags)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

from autoint_jax.data.preparation.progress import PreparationBar
from autoint_jax.explain.rows import row_numbers
from autoint_jax.explain.survey.request import Choice, Source, Surveyed
from autoint_jax.explain.survey.survey import findings_of
from autoint_jax.heartbeat import Heartbeat
from autoint_jax.interface import crosses
from autoint_jax.interface.sources import check_others, input_source, split_source
from autoint_jax.report.explanation import files
from autoint_jax.scoring.predictor import scorer_of
from autoint_jax.terminal import shown
from autoint_jax.training.trained import TrainedRun, open_run, open_scorer
from autoint_jax.units import counted


def main(argv: list[str]) -> None:
    run_dir = run_flags.run_dir()
    compilation_flags.start_cache()
    if _CROSSES.value is not None and _EXPORT_CROSSES.value is None:
        raise UsageError('--crosses names the file that --export_crosses=K writes: give both, or neither')
    if _INPUT.value is not None and _SPLIT.value is not None:
        raise UsageError('--input and --split both name the rows to explain: give one of them')
    run = _opened(run_dir, run_flags.STEP.value)
    if _EXPORT_CROSSES.value is not None:
        path = _CROSSES.value and pathlib.Path(_CROSSES.value)
        data_flags.verified(run.data)
        print(f'wrote {crosses.export_crosses(run_dir, run, _EXPORT_CROSSES.value, path or None)}')
        return
    output = pathlib.Path(_OUTPUT_DIR.value or run_dir / 'explanation')
    if output.exists() and not output.is_dir():
        raise UsageError(f'{output} is a file, where the folder of the report would be: name another --output_dir')
    surveyed = Surveyed(run_dir, run, scorer_of(run))
    check_others(surveyed, _OTHER_RUNS.value)
    source = _source(surveyed)
    choice = Choice(
        where=tuple(_WHERE.value),
        rows=tuple(row_numbers(_ROWS.value, len(source.columns))),
        segment_by=tuple(_SEGMENT_BY.value),
        group_by=_GROUP_BY.value,
    )
    others = (Surveyed(path, other, scorer_of(other)) for path, other in map(_other, _OTHER_RUNS.value))
    with contextlib.closing(Heartbeat(_say)) as beat:

        def doing(sentence: str) -> None:
            _say(sentence)
            beat.heard()
            beat.doing(sentence)

        findings = findings_of(surveyed, source, choice, others, doing)
        doing('writing the report')
        written = files.write(findings, output)
    for sentence in findings.belief.sentences:
        _say(f'- {sentence}')
    _say(f'wrote {counted(len(written), "file")} beside {written[0]}, which opens in a browser')


def _opened(folder: pathlib.Path, step: int | None) -> TrainedRun:
    """Opens a run; to explain raw rows its prepared data need not be there."""
    if _INPUT.value is not None and _EXPORT_CROSSES.value is None:
        return open_scorer(folder, _DATA_DIR.value, step)
    return open_run(folder, _DATA_DIR.value, step)


def _other(name: str) -> tuple[pathlib.Path, TrainedRun]:
    return pathlib.Path(name), _opened(pathlib.Path(name), None)


def _source(surveyed: Surveyed) -> Source:
    """Returns the rows to explain."""
    if _INPUT.value is None:
        return split_source(data_flags.verified(surveyed.run.data), _SPLIT.value or 'test')
    with PreparationBar() as bar:
        return input_source(surveyed, _INPUT.value, _MAX_BAD_SHARE.value, bar)


def _say(sentence: str) -> None:
    print(shown(sentence), flush=True)


if __name__ == '__main__':
    command.run(main)
