"""Which form of the interacting layers is chosen: on which device, for which options, and what the log says of it."""

import dataclasses
import sys
import types

import pytest
from form_cases import FUXICTR, drawn

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError
from autoint_jax.kernels import library
from autoint_jax.models.interacting import forms, gpu

pytestmark = pytest.mark.usefixtures('quick_compilation')


def test_automatic_form_and_what_it_falls_back_on(monkeypatch):
    assert forms.chosen_form('automatic', ModelConfig(compute_dtype='float32')) == 'cpu_kernel'
    assert forms.chosen_form('automatic', ModelConfig(compute_dtype='bfloat16')) == 'heads'
    monkeypatch.setattr(library, 'unavailable', lambda: 'no C++ compiler was found')
    assert forms.chosen_form('automatic', ModelConfig(compute_dtype='float32')) == 'heads'
    assert forms.missed_kernel('automatic', ModelConfig()) == 'no C++ compiler was found'
    assert forms.missed_kernel('heads', ModelConfig()) == ''
    with pytest.raises(UsageError, match="'cpu_kernel', but no C\\+\\+ compiler was found; use 'automatic'"):
        forms.chosen_form('cpu_kernel', ModelConfig(compute_dtype='float32'))
    with pytest.raises(UsageError, match="'gpu_kernel', but it runs on GPUs, not on cpu"):
        forms.chosen_form('gpu_kernel', ModelConfig(compute_dtype='float32'))
    with pytest.raises(UsageError, match='101 fields, inputs of width 4 and 1 heads of 3'):
        forms.FORMS['gpu_kernel'](*drawn((1, 101, 4, 1, 1, 3), authors=False, residual=True, dropout=False))
    for options, text in (
        (FUXICTR, 'neither a LayerNorm before the activation'),
        ({'identity_residual': True}, 'without W_Res'),
    ):
        with pytest.raises(UsageError, match=text):
            case = drawn((2, 3, 4, 1, 2, 2), authors=False, norm=True, residual=True, dropout=False, **options)
            forms.FORMS['gpu_kernel'](*case)
    with pytest.raises(UsageError, match="did you mean 'einsum'"):
        forms.chosen_form('einsun', ModelConfig(compute_dtype='float32'))


def test_automatic_form_on_accelerators(monkeypatch):
    half, full = ModelConfig(compute_dtype='bfloat16'), ModelConfig()
    assert (
        forms.chosen_form('automatic', half, 'gpu', 39) == forms.chosen_form('automatic', half, 'cuda') == 'gpu_kernel'
    )
    assert (
        forms.chosen_form('automatic', full, 'gpu', 39) == forms.chosen_form('automatic', half, 'tpu', 39) == 'einsum'
    )
    assert forms.chosen_form('automatic', half, 'gpu', 65) == 'einsum'  # more fields than a block has rows
    for options in ({'num_heads': 3}, {'layer_norm': 'before_activation'}, {'embedding_dim': 128}):
        assert forms.chosen_form('automatic', dataclasses.replace(half, **options), 'gpu', 39) == 'einsum'
    with pytest.raises(UsageError, match="'gpu_kernel', but its kernels do not fit 39 fields, inputs of width 128"):
        forms.chosen_form('gpu_kernel', ModelConfig(embedding_dim=128), 'gpu', 39)
    turing = types.SimpleNamespace(platform='gpu', device_kind='T4', compute_capability='7.5')
    monkeypatch.setattr(gpu.jax, 'local_devices', lambda: [turing])
    assert forms.chosen_form('automatic', half, 'gpu', 39) == 'einsum'
    with pytest.raises(UsageError, match='it needs NVIDIA GPUs of compute capability 8.0 or more, and T4 has 7.5'):
        forms.chosen_form('gpu_kernel', full, 'gpu', 39)


def test_a_jax_without_the_triton_backend_lacks_the_gpu_kernel(monkeypatch):
    for module in ('pallas', 'pallas_block'):
        monkeypatch.delitem(sys.modules, f'autoint_jax.models.interacting.{module}', raising=False)
        monkeypatch.delattr(f'autoint_jax.models.interacting.{module}', raising=False)
    monkeypatch.setitem(sys.modules, 'jax.experimental.pallas', None)
    assert forms.chosen_form('automatic', ModelConfig(compute_dtype='bfloat16'), 'gpu', 39) == 'einsum'
    with pytest.raises(UsageError, match="'gpu_kernel', but jax .* has no Triton backend of Pallas here"):
        forms.chosen_form('gpu_kernel', ModelConfig(), 'gpu', 39)


def test_an_option_that_a_form_lacks_is_named():
    fuxictr = {'layer_norm': 'before_activation', 'residual_projection': 'where_needed'}
    assert forms.chosen_form('automatic', ModelConfig(**fuxictr)) == 'cpu_kernel'
    assert forms.chosen_form('automatic', ModelConfig(compute_dtype='bfloat16', **fuxictr)) == 'heads'
    assert forms.missed_kernel('automatic', ModelConfig(**fuxictr)) == ''
    for name, value in fuxictr.items():
        with pytest.raises(
            UsageError, match=f"'gpu_kernel', but .* option 'model.{name}' is '{value}'; use 'automatic'"
        ):
            forms.chosen_form('gpu_kernel', ModelConfig(**{name: value}))
    with pytest.raises(
        UsageError, match="'cpu_kernel', but .* option 'model.compute_dtype' is 'bfloat16'; use 'automatic'"
    ):
        forms.chosen_form('cpu_kernel', ModelConfig(compute_dtype='bfloat16'))


def test_the_log_says_which_form_was_chosen_and_why():
    config = ModelConfig()
    assert forms.choice_of_form('automatic', 'cpu_kernel', config) == (
        'interacting layers in the form cpu_kernel (compiled for this processor, the fastest form on CPUs)'
    )
    assert forms.choice_of_form('einsum', 'einsum', config).endswith('einsum (execution.form asks for it)')
    half = dataclasses.replace(config, compute_dtype='bfloat16')
    assert forms.choice_of_form('automatic', 'gpu_kernel', half).endswith('(faster than einsum in bfloat16)')
