"""Compares runs in one HTML file: figures, paired tests, ranks, options, learning curves, parallel coordinates.

    python scripts/compare.py runs/one-0123456789ab runs/other-ba9876543210
    python scripts/compare.py --sweep=experiments/sweeps/movielens_1m_depth.toml --output=depth.html

Runs that differ in their seeds alone are one setting. Settings are compared by the seeds that they share, so train each
with the same seeds, at least five. The file needs no network, and opens from a disk. Beside it lies a folder with its
figures as PNG and SVG.
"""

import pathlib

from autoint_jax import interruptions

interruptions.handle()

from absl import flags

from autoint_jax import command
from autoint_jax.config.folder import CONFIGS
from autoint_jax.errors import UsageError

_SWEEP = flags.DEFINE_string('sweep', None, 'Sweep file whose trials are compared, in place of run folders.')
_SWEEPS_DIR = flags.DEFINE_string('sweeps_dir', 'sweeps', 'Folder of sweep folders.')
_METRIC = flags.DEFINE_string(
    'metric', None, 'Metric that chooses the best setting on validation rows; by default that of the sweep, or auc.'
)
_OUTPUT = flags.DEFINE_string('output', 'comparison.html', 'The HTML file; an existing one is replaced.')

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

from autoint_jax import stored
from autoint_jax.comparison.page import comparison_page
from autoint_jax.comparison.runs import runs_of_folders, runs_of_sweep
from autoint_jax.comparison.settings import settings_of, shared_metrics
from autoint_jax.evaluation import metrics
from autoint_jax.report import assembly, figures
from autoint_jax.sweeps import sweep_file
from autoint_jax.sweeps.folder import SweepFolder

STALE_SECONDS = 120.0  # as in sweep.py; only trials that are done are read


def main(argv: list[str]) -> None:
    folders, chosen = argv[1:], _METRIC.value or 'auc'
    if (_SWEEP.value is None) == (not folders):
        raise UsageError('name the folders of at least two runs, or --sweep=FILE, and not both')
    output = pathlib.Path(_OUTPUT.value)
    if output.is_dir():
        raise UsageError(f'--output={output} is a folder: name a file, such as {output / "comparison.html"}')
    if _SWEEP.value is None:
        runs, name = runs_of_folders([pathlib.Path(folder) for folder in folders]), f'{len(folders)} runs'
    else:
        sweep = sweep_file.load(pathlib.Path(_SWEEP.value), CONFIGS)
        runs = runs_of_sweep(SweepFolder(sweep, pathlib.Path(_SWEEPS_DIR.value, sweep.name).absolute(), STALE_SECONDS))
        chosen, name = _METRIC.value or sweep.metric.name, f'the sweep {sweep.name}'
    settings = settings_of(runs)
    if metrics.metric(chosen).better is None or chosen not in shared_metrics(settings):
        able = [one for one in shared_metrics(settings) if metrics.METRICS[one].better is not None]
        raise UsageError(f'--metric={chosen} cannot choose among these runs: all of them have {", ".join(able)}')
    page = comparison_page(settings, chosen, name)
    output.parent.mkdir(parents=True, exist_ok=True)
    stored.write_text(output, assembly.document(page))
    print(page.lead)
    written = figures.write(page, output.with_suffix(''))
    print(f'wrote {output}, and {len(written)} figures in {output.with_suffix("")}')


if __name__ == '__main__':
    command.run(main, arguments=10_000)
