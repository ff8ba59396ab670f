"""Memory that is there, as the system and its control groups say."""

import pytest

from autoint_jax.training.memory import available


def test_memory_left_by_a_control_group(tmp_path, monkeypatch):
    whole = available.available_ram()
    monkeypatch.setattr(available, 'CGROUPS', tmp_path)
    for name, text in (('max', '5000000'), ('current', '3000000'), ('stat', 'anon 7\ninactive_file 900000\n')):
        (tmp_path / f'memory.{name}').write_text(text)
    assert available.available_ram() == 2_900_000
    (tmp_path / 'memory.max').write_text('max\n')
    assert available.available_ram() == pytest.approx(whole, rel=0.3)
