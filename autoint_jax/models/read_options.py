"""The options that a model reads, found in its source file, so that --help does not wait for the import of JAX."""

import ast
import pathlib

from autoint_jax.errors import UsageError, nearest

FOLDER = pathlib.Path(__file__).parent
EMBEDDING = FOLDER / 'layers' / 'embedding.py'


def options_of(name: str) -> tuple[str, ...]:
    """Returns `OPTIONS` of the model `name`, which stands in the file of that name.

    Raises:
      UsageError: there is no such model.
    """
    path = FOLDER / f'{name}.py'
    found = _options(path) if path.is_file() else None
    if not found:
        models = sorted(other.stem for other in FOLDER.glob('*.py') if other.stem != 'contract' and _options(other))
        raise UsageError(f'unknown model {name!r}{nearest(name, models)}; known: {", ".join(models)}')
    return found


def _options(path: pathlib.Path) -> tuple[str, ...] | None:
    """Returns the value of the first class attribute OPTIONS in a file; None if there is none."""
    for node in ast.parse(path.read_text(encoding='utf-8')).body:
        for statement in node.body if isinstance(node, ast.ClassDef) else ():
            if (
                isinstance(statement, ast.Assign | ast.AnnAssign)
                and _names(statement) == ['OPTIONS']
                and statement.value
            ):
                return _items(statement.value, path)
    return None


def _items(value: ast.expr, path: pathlib.Path) -> tuple[str, ...]:
    """Returns the strings of a tuple in a file; *EMBEDDING_OPTIONS and *OPTIONS of another model may stand in it."""
    assert isinstance(value, ast.Tuple)
    found: list[str] = []
    for item in value.elts:
        if not isinstance(item, ast.Starred):
            found.append(ast.literal_eval(item))
        elif isinstance(item.value, ast.Attribute) and isinstance(item.value.value, ast.Name):
            found += _options(_file_of(item.value.value.id, path)) or ()
        else:
            assert isinstance(item.value, ast.Name)
            found += _constant(item.value.id)
    return tuple(found)


def _file_of(name: str, path: pathlib.Path) -> pathlib.Path:
    """Returns the file of the model whose class a file imports by this name."""
    for node in ast.parse(path.read_text(encoding='utf-8')).body:
        if isinstance(node, ast.ImportFrom) and node.module and name in [alias.name for alias in node.names]:
            return FOLDER / f'{node.module.rpartition(".")[2]}.py'
    raise LookupError(name)


def _constant(name: str) -> tuple[str, ...]:
    """Returns a tuple that `layers/embedding.py` defines by this name."""
    for node in ast.parse(EMBEDDING.read_text(encoding='utf-8')).body:
        if isinstance(node, ast.Assign) and _names(node) == [name]:
            return ast.literal_eval(node.value)
    raise LookupError(name)


def _names(statement: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]
