"""The lines about many shapes and models beside peers."""

import json

from autoint_jax.reproduction.comparisons import MODELS, SHAPES, comparison_lines, worst_and_best

SIZES = {'fields': 7, 'features': 3500, 'embedding_dim': 8, 'layers': 1, 'heads': 2, 'head_dim': 4, 'batch': 64}


def case(median, ratio, share):
    return {'median': median, 'of_fastest_peer': ratio, 'share_of_peak': share}


def write(folder, name, record):
    (folder / f'{name}.json').write_text(json.dumps(record))


def test_tables_and_entries_show_the_worst_beside_the_best(tmp_path):
    write(tmp_path, 'shapes', {'benchmark': SHAPES, 'cases': {'a': {**SIZES, **case(3000.0, 1.5, 0.7)}}})
    cases = {'fm': case(10.0, 2.0, 0.01), 'dnn': case(30.0, 1.2, 0.6), 'lr': case(5.0, None, 0.0)}
    write(tmp_path, 'models', {'benchmark': MODELS, 'shape': 'ml1m', 'batch': 64, 'cases': cases})
    write(tmp_path, 'other', {'benchmark': 'replicas'})
    lines = comparison_lines(tmp_path)
    assert '| `a` | 7, 3,500 | 8, 1, 2 x 4 | 64 | 3,000 | 2,000 | 1.50 | 0.70 |' in lines
    assert lines[-3:] == [
        '| `fm` | 10 | 5 | 2.00 | 0.01 |',
        '| `dnn` | 30 | 25 | 1.20 | 0.60 |',
        '| `lr` | 5 |  |  | 0.00 |',
    ]
    of_shapes, of_models = worst_and_best(tmp_path)
    assert of_shapes.endswith('1.5 times as fast at worst (`a`) and 1.5 times at best (`a`).')
    assert of_models.endswith('1.2 times as fast at worst (`dnn, ml1m`) and 2.0 times at best (`fm, ml1m`).')
    assert worst_and_best(tmp_path / 'none') == []
