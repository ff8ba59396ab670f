"""Writes the results section of README.md from the records under results/.

    python scripts/update_readme.py

Run it from the root of the project, after an experiment has added records.
"""

import pathlib

from autoint_jax import interruptions

interruptions.handle()  # before the imports that take seconds

from autoint_jax import command
from autoint_jax.config import configuration
from autoint_jax.errors import UsageError
from autoint_jax.reproduction import readme


def main(argv: list[str]) -> None:
    path, results = pathlib.Path('README.md'), pathlib.Path('results')
    if not path.exists() or not results.is_dir():
        raise UsageError('there is no README.md with results/ here: run this from the root of the project')
    quick_start = configuration.load(f'experiments/configs/{readme.QUICK_START}.toml')
    readme.update(path, readme.results_section(results, quick_start))
    print(f'wrote {path}')


if __name__ == '__main__':
    command.run(main)
