"""The files of a report about a run."""

import pathlib

from autoint_jax import stored
from autoint_jax.explain.findings import Findings
from autoint_jax.report import assembly, figures
from autoint_jax.report.explanation import numbers
from autoint_jax.report.explanation.page import page

REPORT = 'report.html'


def write(findings: Findings, folder: pathlib.Path) -> list[pathlib.Path]:
    """Writes FOLDER/report.html, figures/, numbers/ and findings.json, and returns the paths of all files.

    Files of an earlier report that have the same names are replaced.

    Raises:
      UsageError: the page would be too large for a browser.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = page(findings)
    report = folder / REPORT
    stored.write_text(report, assembly.document(made))
    return [report, *numbers.write(findings, folder), *figures.write(made, folder / 'figures')]
