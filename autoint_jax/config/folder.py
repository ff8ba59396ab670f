"""The folder of the named configurations."""

import pathlib

CONFIGS = pathlib.Path(__file__).parents[2] / 'experiments' / 'configs'
