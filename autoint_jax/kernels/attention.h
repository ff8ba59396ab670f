// The attention of one head of an example, forward and backward (paper section 4.4, Eqs. 5 and 6).
//
// Scores are kept as [g][f] and the softmax runs over rows: all operations are vectors over queries, and the forward pass
// needs no transposition. Where there are many fields, queries are taken in parts (`Stack::part`), whose scores stay in the
// second-level cache.

#ifndef AUTOINT_JAX_KERNELS_ATTENTION_H_
#define AUTOINT_JAX_KERNELS_ATTENTION_H_

#include <algorithm>

#include "dropout.h"
#include "stack.h"
#include "tile.h"
#include "vector.h"

namespace autoint {

// Softmax over the rows of `Vectors` vectors of columns of scores [g][f] (Eq. 5), in place, with `step` floats from row to row. Powers
// of two take fewer operations than those of e. A NaN in a column reaches all of the column by its sum, whatever the largest score is.
template <typename V, int Vectors>
void softmax_columns(const Stack& s, float* scores, long step) {
  constexpr long lanes = lanes_of<V>;
  V most[Vectors], total[Vectors] = {};
  for (int j = 0; j < Vectors; ++j) most[j] = load<V>(scores + j * lanes);
  for (long g = 1; g < s.fields; ++g)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) most[j] = larger_or_second(most[j], load<V>(scores + g * step + j * lanes));
  const float scale = s.scale * 1.44269504f;  // of an exponent of two
  for (long g = 0; g < s.fields; ++g)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) {
      float* entry = scores + g * step + j * lanes;
      const V e = power_of_two((load<V>(entry) - most[j]) * scale);
      store(entry, e);
      total[j] += e;
    }
  for (int j = 0; j < Vectors; ++j) total[j] = 1.0f / total[j];
  for (long g = 0; g < s.fields; ++g)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) {
      float* entry = scores + g * step + j * lanes;
      store(entry, load<V>(entry) * total[j]);
    }
}

inline void softmax(const Stack& s, float* scores, long queries) {
  for (long f = 0; f < queries;) {
    const long left = (queries - f) / kLanes;
    if (left >= 5 * kWideLanes / kLanes) softmax_columns<Wide, 5>(s, scores + f, queries), f += 5 * kWideLanes;
    else if (left >= 5) softmax_columns<Vector, 5>(s, scores + f, queries), f += 5 * kLanes;
    else if (left >= 2) softmax_columns<Vector, 2>(s, scores + f, queries), f += 2 * kLanes;
    else softmax_columns<Vector, 1>(s, scores + f, queries), f += kLanes;
  }
}

// to [g][f] = from [g][f] times the factors that dropout leaves of an example's head, for `queries` queries from `first_query` on,
// where `to` has no other columns; of two matrices like `to` at once where `also` is given, in place. Columns past the fields get
// finite values of no use.
inline void masked(const Stack& s, const Dropout& dropout, long example, long head, long first_query, long queries,
                   const float* from, float* to, float* also = nullptr) {
  const uint32_t* own = dropout.words + (example * s.heads + head) * 2;
  for (long g = 0; g < s.fields; ++g)
    for (long f = 0; f < queries; f += kLanes) {
      const Vector factors = dropout.factors(own, s.fields, first_query + f, g);
      const long at = g * queries + f;
      store(to + at, load(from + at) * factors);
      if (also) store(also + at, load(also + at) * factors);
    }
}

// Turns the gradient [g][f] of attention weights into that of scores, in place, in vectors of queries from `f` to `end`.
template <typename V>
long through_softmax(const Stack& s, const float* attention, float* gradient, long step, long f, long end) {
  for (; f + lanes_of<V> <= end; f += lanes_of<V>) {
    V along{};
    for (long g = 0; g < s.fields; ++g) along += load<V>(attention + g * step + f) * load<V>(gradient + g * step + f);
    for (long g = 0; g < s.fields; ++g) {
      float* entry = gradient + g * step + f;
      store(entry, load<V>(attention + g * step + f) * (load<V>(entry) - along) * s.scale);
    }
  }
  return f;
}

// Turns the gradient after a projection's ReLU into the gradient before it; `values` are the outputs of the ReLU.
struct ThroughRelu {
  const float* values;
  template <typename V>
  V operator()(V sum, long, long at) const {
    return values ? (load<V>(values + at) > V{} ? sum : V{}) : sum;
  }
};

// `query` begins the example's columns of the head's query rows; those of its keys and values follow after s.width() rows each.
// `attention` gets the weights before dropout. `spare` holds an attention matrix.
inline void forward_attention(const Stack& s, const Dropout& dropout, long example, long head, const float* query,
                              float* attention, float* out, float* spare) {
  const long columns = s.columns(), padded = s.padded(), a = s.head_width;
  const float *key = query + s.width() * columns, *value = key + s.width() * columns;
  for (long f = 0; f < padded; f += s.part()) {
    const long queries = std::min(s.part(), padded - f);
    float* own = attention + f * padded;
    product(key, 1, columns, query + f, columns, own, queries, s.whole_keys(), a, queries);
    softmax(s, own, queries);
    if (s.dropout) masked(s, dropout, example, head, f, queries, own, spare);
    product(value, columns, 1, s.dropout ? spare : own, queries, out + f, columns, a, s.fields, queries);
  }
  if (s.part() == padded) std::fill(attention + s.fields * padded, attention + padded * padded, 0.0f);
}

// `of_mixed` is the gradient of the mixed values, `of_query` gets those of queries, keys and values, before their ReLU, where
// `query` has the values. `spare` holds four attention matrices.
inline void backward_attention(const Stack& s, const Dropout& dropout, long example, long head, const float* query,
                               const float* attention, const float* of_mixed, float* of_query, float* spare) {
  const long columns = s.columns(), padded = s.padded(), a = s.head_width, next = s.width() * columns;
  const long size = s.attention_size();
  const float *key = query + next, *value = key + next;
  float *of_key = of_query + next, *of_value = of_key + next;
  float *of_scores = spare, *mixing = spare + size, *transposed = spare + 2 * size, *of_scores_t = spare + 3 * size;
  const auto through = [&](const float* values) { return ThroughRelu{s.projection_relu ? values : nullptr}; };
  const bool parts = s.part() < padded;
  if (parts) {
    for (long i = 0; i < a; ++i)
      for (float* row : {of_key, of_value}) std::fill(row + i * columns, row + i * columns + padded, 0.0f);
  } else {  // a matrix that is transposed has zeros behind its rows
    std::fill(of_scores + s.fields * padded, of_scores + size, 0.0f);
    std::fill(mixing + s.fields * padded, mixing + size, 0.0f);
  }
  for (long f = 0; f < padded; f += s.part()) {
    const long queries = std::min(s.part(), padded - f);
    const float* weights = attention + f * padded;
    product(value, 1, columns, of_mixed + f, columns, of_scores, queries, s.whole_keys(), a, queries);
    std::fill(of_scores + s.fields * queries, of_scores + s.whole_keys() * queries, 0.0f);
    if (s.dropout) masked(s, dropout, example, head, f, queries, weights, mixing, of_scores);
    const float* mixed = s.dropout ? mixing : weights;
    if (parts) {
      add_inner_product(of_mixed + f, columns, mixed, queries, queries, of_value, columns, a, s.fields);
    } else {
      transpose(mixed, transposed, padded);
      product(of_mixed, columns, 1, transposed, padded, of_value, columns, a, s.fields, padded, through(value));
    }
    const long wide = through_softmax<Wide>(s, weights, of_scores, queries, 0, queries);
    through_softmax<Vector>(s, weights, of_scores, queries, wide, queries);
    product(key, columns, 1, of_scores, queries, of_query + f, columns, a, s.fields, queries, through(query + f));
    if (parts) {
      add_inner_product(query + f, columns, of_scores, queries, queries, of_key, columns, a, s.fields);
    } else {
      transpose(of_scores, of_scores_t, padded);
      product(query, columns, 1, of_scores_t, padded, of_key, columns, a, s.fields, padded, through(key));
    }
  }
  if (parts && s.projection_relu)
    for (long i = 0; i < a; ++i)
      for (long c = i * columns; c < i * columns + padded; c += kWideLanes) {
        store(of_key + c, through(key)(load<Wide>(of_key + c), i, c));
        store(of_value + c, through(value)(load<Wide>(of_value + c), i, c));
      }
}

}  // namespace autoint

#endif  // AUTOINT_JAX_KERNELS_ATTENTION_H_
