"""Where the columns of a field lie in a batch."""

from autoint_jax.schema import CATEGORICAL, MULTIVALUED, NUMERIC, FieldSpec, Schema

SCHEMA = Schema(
    (
        FieldSpec('price', NUMERIC),
        FieldSpec('city', CATEGORICAL, 7),
        FieldSpec('tags', MULTIVALUED, 11, max_values=3),
        FieldSpec('age', NUMERIC),
        FieldSpec('device', CATEGORICAL, 5),
    )
)


def test_slots_follow_the_order_of_the_id_fields():
    assert SCHEMA.slots == {'city': slice(0, 1), 'tags': slice(1, 4), 'device': slice(4, 5)}
    assert SCHEMA.num_slots == 5


def test_numeric_columns_follow_the_order_of_the_numeric_fields():
    assert SCHEMA.numeric_columns == {'price': slice(0, 1), 'age': slice(1, 2)}


def test_a_schema_without_fields_of_a_kind_has_no_columns_of_it():
    assert Schema((FieldSpec('age', NUMERIC),)).slots == {}
    assert Schema((FieldSpec('city', CATEGORICAL, 7),)).numeric_columns == {}
