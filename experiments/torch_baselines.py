"""NFM and AFM written a second time, in PyTorch. Is our implementation to blame for a figure below the paper's?

Claim: with the same settings an independent NFM reaches about the same figures. So the gap to the paper's AUC with
those settings is probably not caused by the equations.

    python experiments/torch_baselines.py --model=nfm --learning_rate=3e-3 --epochs=5
    python experiments/torch_baselines.py --model=afm --learning_rate=5e-3 --epochs=4

Recorded on MovieLens-1M, one seed each: NFM reaches test AUC 0.8236 here and 0.8220 in the row of these settings in
results/tuning_nfm_movielens_1m.csv. The paper has 0.8357, and other settings come near. AFM shows nothing yet: here it
was stopped after 4 epochs at 0.8016, still rising. The row of its learning rate in results/tuning_afm_movielens_1m.csv,
with 0.8141 after 6 epochs, has embeddings drawn with deviation 0.1.

The script shares only the prepared data with this project. It needs only PyTorch and absl-py (`pip install torch
absl-py`), neither JAX nor this project. It uses dense Adam and no regularisation, and draws embeddings with deviation
0.01 and weights as PyTorch does. Time: 5 to 15 minutes on one CPU core. The same settings in `experiments/tuning.py`
are the row with this learning_rate, l2_rows=0 and embedding_dropout=0. Writes results/torch_MODEL_DATASET.json. --quick
trains one epoch on the first rows and writes no record.
"""

import json
import pathlib
import subprocess
import sys
from typing import NoReturn

import numpy as np
from absl import app, flags

try:
    import torch
except ImportError:
    sys.exit('error: this script needs PyTorch: pip install torch')

_DATA = flags.DEFINE_string('data', 'data/prepared/movielens_1m/autoint_all_rows', 'Folder of prepared data.')
_MODEL = flags.DEFINE_enum('model', 'nfm', ['nfm', 'afm'], 'Model to train.')
_EPOCHS = flags.DEFINE_integer('epochs', 5, 'Number of epochs. The best one by validation logloss is tested.')
_RATE = flags.DEFINE_float('learning_rate', 3e-3, 'Learning rate of Adam.')
_BATCH = flags.DEFINE_integer('batch_size', 1024, 'Number of rows of a step.')
_SEED = flags.DEFINE_integer('seed', 0, 'Seed of the random numbers.')
_QUICK = flags.DEFINE_boolean('quick', False, 'Try it out: one epoch, the first 2,048 rows of a split, no record.')
_RESULTS_DIR = flags.DEFINE_string('results_dir', 'results', 'Folder of records.')

WIDTH, HIDDEN, ATTENTION = 16, 200, 16
QUICK_ROWS = 2048


class Features(torch.nn.Module):
    """Features make terms of single features from ids [b, slots] and numbers [b, m].

    They are the first-order sum [b], x_i v_i of each feature [b, n, d], and which features are present [b, n].
    """

    def __init__(self, fields: list[dict]):
        super().__init__()
        self.fields = fields
        self.first = torch.nn.ModuleList([self._table(field, 1, 0.0) for field in fields])
        self.second = torch.nn.ModuleList([self._table(field, WIDTH, 0.01) for field in fields])

    @staticmethod
    def _table(field: dict, width: int, deviation: float) -> torch.nn.Embedding:
        table = torch.nn.Embedding(max(field['cardinality'], 1), width)
        torch.nn.init.normal_(table.weight, 0.0, deviation)
        return table

    def forward(self, ids, numbers):
        total, vectors, present, slot, number = 0.0, [], [], 0, 0
        for field, first, second in zip(self.fields, self.first, self.second, strict=True):
            if field['kind'] == 'numeric':
                x = torch.nan_to_num(numbers[:, number : number + 1])
                at = torch.zeros(len(x), 1, dtype=torch.long)
                there = ~torch.isnan(numbers[:, number : number + 1])
                number += 1
            else:
                at = ids[:, slot : slot + field['max_values']]
                slot += field['max_values']
                several = field['kind'] == 'multivalued'
                there = at > 0 if several else torch.ones_like(at, dtype=torch.bool)
                x = there / there.sum(1, keepdim=True).clamp(min=1)
            total = total + (first(at)[:, :, 0] * x).sum(1)
            vectors.append(second(at) * x[:, :, None])
            present.append(there)
        return total, torch.cat(vectors, 1), torch.cat(present, 1)


class NFM(torch.nn.Module):
    """NFM (He and Chua, 2017, Eqs. 2 to 6). The sum over pairs is computed pair by pair."""

    def __init__(self, fields: list[dict]):
        super().__init__()
        self.features = Features(fields)
        self.deep = torch.nn.Sequential(torch.nn.Linear(WIDTH, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 1))

    def forward(self, ids, numbers):
        total, vectors, _ = self.features(ids, numbers)
        first, second = torch.triu_indices(vectors.shape[1], vectors.shape[1], 1)
        pooled = (vectors[:, first] * vectors[:, second]).sum(1)
        return total + self.deep(pooled)[:, 0]


class AFM(torch.nn.Module):
    """AFM (Xiao et al., 2017, Eqs. 3 to 6)."""

    def __init__(self, fields: list[dict]):
        super().__init__()
        self.features = Features(fields)
        self.hidden, self.score = torch.nn.Linear(WIDTH, ATTENTION), torch.nn.Linear(ATTENTION, 1, bias=False)
        self.projection = torch.nn.Linear(WIDTH, 1)
        torch.nn.init.ones_(self.projection.weight)

    def forward(self, ids, numbers):
        total, vectors, present = self.features(ids, numbers)
        first, second = torch.triu_indices(vectors.shape[1], vectors.shape[1], 1)
        products = vectors[:, first] * vectors[:, second]
        scores = self.score(torch.relu(self.hidden(products)))[:, :, 0]
        scores = scores.masked_fill(~(present[:, first] & present[:, second]), -torch.inf)
        pooled = (torch.softmax(scores, 1)[:, :, None] * products).sum(1)
        return total + self.projection(pooled)[:, 0]


def figures(model: torch.nn.Module, split: list[torch.Tensor]) -> dict[str, float]:
    """Returns AUC by ranks (ties share their mean rank) and logloss."""
    ids, numbers, labels = split
    with torch.no_grad():
        logits = torch.cat([model(ids[at : at + 8192], numbers[at : at + 8192]) for at in range(0, len(labels), 8192)])
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits.double(), labels.double()).item()
    _, group, size = np.unique(logits.numpy(), return_inverse=True, return_counts=True)
    positive = labels.numpy() > 0.5
    positives, negatives = positive.sum(), (~positive).sum()
    ranks = (np.cumsum(size) - (size - 1) / 2)[group][positive].sum()
    return {'auc': float((ranks - positives * (positives + 1) / 2) / (positives * negatives)), 'logloss': loss}


def commit() -> str:
    """Returns the commit of this checkout, with '+changes' if files other than records in `results` differ from it."""

    def git(*arguments: str) -> str:
        root = pathlib.Path(__file__).parents[1]
        return subprocess.run(['git', *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()

    changed = git('status', '--porcelain', '--untracked-files=no', '--', ':(top)', ':(exclude)results')
    return git('rev-parse', 'HEAD') + ('+changes' if changed else '')


def stop(sentence: str) -> NoReturn:
    """Ends the command with an error that the user can fix, as other commands of this project do."""
    print(f'error: {sentence}', file=sys.stderr)
    sys.exit(2)


def main(argv: list[str]) -> None:
    folder, results = pathlib.Path(_DATA.value), pathlib.Path(_RESULTS_DIR.value)
    if not (folder / 'manifest.json').exists():
        stop(
            f'--data={folder} is not a folder of prepared data: scripts/prepare_data.py makes one in '
            'data/prepared/DATASET/RECIPE'
        )
    if not results.is_dir():
        stop(f'--results_dir={results} is not a folder: make it, or name another')
    torch.manual_seed(_SEED.value)
    fields = json.loads((folder / 'schema.json').read_text())['fields']
    splits = {
        name: [
            torch.from_numpy(np.load(folder / name / f'{column}.npy').copy()) for column in ('ids', 'numeric', 'labels')
        ]
        for name in ('train', 'valid', 'test')
    }
    for split in splits.values():
        split[:] = [column[: QUICK_ROWS if _QUICK.value else None] for column in split]
        split[0], split[2] = split[0].long(), split[2].float()
    model: NFM | AFM = NFM(fields) if _MODEL.value == 'nfm' else AFM(fields)
    optimizer = torch.optim.Adam(model.parameters(), lr=_RATE.value)
    ids, numbers, labels = splits['train']
    evaluations, tests = [], []
    for epoch in range(1 if _QUICK.value else _EPOCHS.value):
        for rows in torch.randperm(len(labels)).split(_BATCH.value):
            optimizer.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(
                model(ids[rows], numbers[rows]), labels[rows]
            ).backward()
            optimizer.step()
        evaluations.append(figures(model, splits['valid']))
        tests.append(figures(model, splits['test']))
        print(
            f'epoch {epoch + 1}: valid AUC {evaluations[-1]["auc"]:.4f} logloss {evaluations[-1]["logloss"]:.4f}',
            flush=True,
        )
    if _QUICK.value:
        print('quick: no verdict')
        return
    best = min(range(len(evaluations)), key=lambda number: evaluations[number]['logloss'])
    manifest = json.loads((folder / 'manifest.json').read_text())
    path = results / f'torch_{_MODEL.value}_{manifest["dataset"]}.json'
    path.write_text(
        json.dumps(
            {
                'model': _MODEL.value,
                'learning_rate': _RATE.value,
                'batch_size': _BATCH.value,
                'seed': _SEED.value,
                'valid': evaluations,
                'best_epoch': best + 1,
                'test': tests[best],
                'data_hash': manifest['hash'],
                'command': sys.argv,
                'commit': commit(),
                'versions': {'torch': torch.__version__, 'numpy': np.__version__},
            },
            indent=2,
        )
        + '\n'
    )
    print(f'test AUC {tests[best]["auc"]:.4f} logloss {tests[best]["logloss"]:.4f}; wrote {path}')


def parsed(argv: list[str]) -> list[str]:
    """Parses flags. --help ends the command with status 0, and a wrong flag ends it with a sentence."""
    try:
        return flags.FLAGS(['--help' if one == '-h' else one for one in argv])
    except SystemExit:  # help was printed; absl would end with 1
        sys.exit(0)
    except (flags.Error, ValueError) as error:
        stop(f'{error}: --help lists the flags')


if __name__ == '__main__':
    app.run(main, flags_parser=parsed)
