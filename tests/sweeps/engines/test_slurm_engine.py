"""Sweeps on SLURM."""

import sys

import pytest
from sweep_cases import opened, task

from autoint_jax.errors import UsageError
from autoint_jax.sweeps.engines import slurm


def test_without_submitit_a_sentence_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'submitit', None)
    with pytest.raises(UsageError, match='pip install submitit'):
        slurm.submit(
            task(opened(tmp_path)),
            2,
            cluster='slurm',
            minutes=1,
            cpus=1,
            memory_gb=1,
            gpus=0,
            partition=None,
            logs=tmp_path,
        )
