"""The charts of a page as PNG and SVG, drawn without a browser."""

import json
import pathlib

import vl_convert

from autoint_jax import stored
from autoint_jax.report import theme
from autoint_jax.report.blocks import Page

SCALE = 2  # dots of a PNG for each unit of the drawing


def write(page: Page, folder: pathlib.Path) -> list[pathlib.Path]:
    """Writes every chart of a page as FOLDER/NAME.png and NAME.svg, in the light theme, and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for chart in page.charts:
        # As a text, because halves of surrogate pairs are no text of the library.
        spec = json.dumps(chart.spec, allow_nan=False)
        # No address may be asked for data.
        svg = vl_convert.vegalite_to_svg(spec, config=theme.LIGHT, allowed_base_urls=[])
        written += [folder / f'{chart.name}.svg', folder / f'{chart.name}.png']
        stored.write_text(written[-2], svg)
        with stored.replacing(written[-1]) as scratch:
            scratch.write_bytes(vl_convert.svg_to_png(svg, scale=SCALE))
    return written
