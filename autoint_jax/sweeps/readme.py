"""The results of the README, written from the records."""

import json
import pathlib
from typing import Any

from autoint_jax.sweeps.comparison import test_figures
from autoint_jax.sweeps.speed import exactness_lines, speed_lines

BEGIN, END = '<!-- results:begin -->', '<!-- results:end -->'

# Run name without fingerprint -> (what it is, published AUC, published logloss, source).
PUBLISHED = {
    'movielens_1m_autoint': ("AutoInt, MovieLens-1M, authors' variant and settings", 0.8456, 0.3797, 'Table 2'),
    'movielens_1m_autoint_deferred_adam': ('the same with deferred Adam', 0.8456, 0.3797, 'Table 2'),
    'movielens_1m_autoint_control_cpu_kernel': ('the same, dense Adam trained again in the form `cpu_kernel`', 0.8456, 0.3797, 'Table 2'),
    'movielens_1m_autoint_bfloat16': ('the same in bfloat16', 0.8456, 0.3797, 'Table 2'),
    'movielens_1m_autoint_no_residual': ('the same without residual connections', 0.8299, 0.3959, 'Table 4'),
}


def results_section(results_dir: pathlib.Path) -> str:
    """Markdown between the README's markers: test figures of all runs by seeds, exactness, speed."""
    lines = ['Test split, mean ± standard deviation over seeds (`results/runs/`); the paper\'s figure in brackets.', '',
             '| run | AUC | logloss | seeds |', '|---|---|---|---|']
    groups: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((results_dir / 'runs').glob('*.json')):
        record = json.loads(path.read_text())
        groups.setdefault(record['run'].rpartition('-')[0], []).append(record)
    for name, records in groups.items():
        ours = test_figures(records)
        title, auc, logloss = name, '', ''
        if name in PUBLISHED:
            title, published_auc, published_logloss, source = PUBLISHED[name]
            auc, logloss = f' ({source}: {published_auc:.4f})', f' ({published_logloss:.4f})'
        lines.append(f'| {title} | {ours["auc"]}{auc} | {ours["logloss"]}{logloss} | {len(records)} |')
    lines += exactness_lines(results_dir)
    lines += ['', *speed_lines(results_dir)]
    return '\n'.join(lines)


def updated(readme: str, section: str) -> str:
    """The README with the text between its markers replaced."""
    before, rest = readme.split(BEGIN)
    return f'{before}{BEGIN}\n{section}\n{END}{rest.split(END)[1]}'
