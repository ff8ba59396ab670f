"""Crossed fields in a graph, from the other fields of encoded rows, as `data/encoding/crosses.py` makes them."""

from collections.abc import Mapping

import numpy as np
from onnx import TensorProto

from autoint_jax.data.datasets.row_plan import RowPlan
from autoint_jax.data.encoding.cross_keys import FACTORS, HALF, PRIME, Keys, Texts
from autoint_jax.data.encoding.fitted import schema_of
from autoint_jax.data.encoding.plan import CrossPlan
from autoint_jax.export.onnx import raw_texts
from autoint_jax.export.onnx.graph import Graph
from autoint_jax.schema import MULTIVALUED


class CrossMaker:
    """Makes crossed fields in a graph."""

    def __init__(self, graph: Graph, plan: RowPlan, fields: Mapping[str, str], length: str):
        """Takes what crosses are made of.

        Args:
          graph: the graph.
          plan: how raw rows are encoded.
          fields: {name of a field: tensor int32 [b, slots] of its ids, or float32 [b, 1] of its numbers}.
          length: tensor int64 [1], the number of rows b.
        """
        self._graph, self._plan, self._fields, self._length = graph, plan, fields, length
        schema = schema_of(plan.table, plan.fitted)
        self._specs = {field.name: field for field in schema.fields}
        self._keys = Keys(schema, plan.fitted.cuts)
        self._texts = Texts(schema, plan.fitted.vocabularies)

    def __call__(self, cross: CrossPlan) -> str:
        """Returns the tensor int32 [b, slots] of a cross."""
        graph, slots = self._graph, 1
        keys = present = ''
        for name in cross.fields:
            own, width = self._parts(name), self._specs[name].max_values
            lists = self._specs[name].kind == MULTIVALUED
            there = graph.node('Greater', own, self._whole(0)) if lists else ''
            if not keys:
                keys, present = own, there
            else:
                keys = self._outer(
                    'Add', graph.node('Mul', keys, self._whole(self._keys.sizes[name])), own, slots, width
                )
                if present or there:
                    yes = graph.constant(np.ones((1, 1), bool))
                    present = self._outer('And', present or yes, there or yes, slots if present else 1, width)
            slots *= width
        found = self._hashed(keys, cross.buckets) if cross.buckets else self._counted(cross, keys, slots)
        if present:
            found = graph.node('Where', present, found, self._whole(0))
        if slots > 1:
            found = self._packed(found, slots)
        return graph.node('Cast', found, to=TensorProto.INT32)

    def _parts(self, name: str) -> str:
        """Returns what a field adds to a pair, int64 [b, slots]."""
        graph = self._graph
        if name not in self._plan.fitted.cuts:
            return graph.node('Cast', self._fields[name], to=TensorProto.INT64)
        values, cuts = self._fields[name], np.array([self._plan.fitted.cuts[name]], np.float32)
        above = graph.node('Cast', graph.node('GreaterOrEqual', values, graph.constant(cuts)), to=TensorProto.INT64)
        bucket = graph.node('Add', graph.node('ReduceSum', above, graph.whole_numbers(1), keepdims=1), self._whole(1))
        return graph.node('Where', graph.node('IsNaN', values), self._whole(0), bucket)

    def _outer(self, operator: str, one: str, other: str, slots: int, width: int) -> str:
        """Joins every slot of [b, slots] with every slot of [b, width], in [b, slots * width]."""
        graph = self._graph
        joined = graph.node(
            operator,
            graph.node('Unsqueeze', one, graph.whole_numbers(2)),
            graph.node('Unsqueeze', other, graph.whole_numbers(1)),
        )
        return self._shaped(joined, slots * width)

    def _shaped(self, tensor: str, width: int) -> str:
        graph = self._graph
        shape = graph.node('Concat', self._length, graph.whole_numbers(width), axis=0)
        return graph.node('Reshape', tensor, shape, allowzero=1)

    def _counted(self, cross: CrossPlan, keys: str, slots: int) -> str:
        values = self._plan.fitted.vocabularies[cross.name].values
        known = self._texts.keys(cross, values, self._keys).tolist()
        flat = self._graph.node('Reshape', keys, self._graph.whole_numbers(-1))
        table = {key: number for number, key in enumerate(known, start=1)}
        return self._shaped(raw_texts.ids(self._graph, flat, table, 0), slots)

    def _hashed(self, keys: str, buckets: int) -> str:
        """Returns 1 + `hashed_keys`."""
        graph, prime = self._graph, self._whole(PRIME)
        low, high, last = map(self._whole, FACTORS)
        upper = graph.node('Mod', graph.node('Div', keys, prime), prime)
        mixed = graph.node(
            'Add', graph.node('Mul', graph.node('Mod', keys, prime), low), graph.node('Mul', upper, high)
        )
        mixed = graph.node('Mod', mixed, prime)
        half = self._whole(HALF)
        turned = graph.node('Mul', graph.node('Mod', mixed, half), self._whole(HALF // 2))
        turned = graph.node('Mod', graph.node('Add', turned, graph.node('Div', mixed, half)), prime)
        turned = graph.node('Mod', graph.node('Mul', turned, last), prime)
        return graph.node('Add', graph.node('Mod', turned, self._whole(buckets)), self._whole(1))

    def _packed(self, found: str, slots: int) -> str:
        """Moves ids above 0 before all others, in their order."""
        graph, places = self._graph, np.arange(slots)[None]
        known = graph.node('Greater', found, self._whole(0))
        order = graph.node('Where', known, graph.constant(places), graph.constant(places + slots))
        _, first = graph.nodes('TopK', [order, graph.whole_numbers(slots)], 2, axis=1, largest=0, sorted=1)
        return graph.node('GatherElements', found, first, axis=1)

    def _whole(self, value: int) -> str:
        return self._graph.constant(np.int64(value))
