"""Writes the tables of README.md and of pages of docs/ from the records, and draws docs/attention.png.

    python scripts/update_pages.py

Run it from the root of the project, after an experiment has added records to results/. Only the text between the
markers of a page is replaced, such as `<!-- results:begin -->` and `<!-- results:end -->`.
"""

import pathlib

from autoint_jax import interruptions

interruptions.handle()

from autoint_jax import command
from autoint_jax.config import configuration
from autoint_jax.config.folder import CONFIGS
from autoint_jax.errors import UsageError

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

from autoint_jax.reproduction import pages
from autoint_jax.reproduction.paper import stack_picture


def main(argv: list[str]) -> None:
    results = pathlib.Path('results')
    if not pathlib.Path(pages.README).exists() or not results.is_dir():
        raise UsageError(f'there is no {pages.README} with results/ here: run this from the root of the project')
    quick_start = configuration.load(CONFIGS / f'{pages.QUICK_START}.toml')
    for page, sections in pages.sections(results, quick_start).items():
        pages.update(pathlib.Path(page), sections)
        print(f'wrote {page}')
    weights = results / stack_picture.WEIGHTS
    if weights.exists():
        stack_picture.save(*stack_picture.read_weights(weights, seed=0), pathlib.Path(pages.PICTURE))
        print(f'wrote {pages.PICTURE}')


if __name__ == '__main__':
    command.run(main)
