// One interacting layer on a block of examples, forward and backward (paper section 4.4, Eqs. 5-8).
//
// Scores are kept as [g][f] and the softmax runs over rows: all operations are vectors over fields, and the forward pass
// needs no transposition.

#ifndef AUTOINT_JAX_KERNELS_LAYERS_H_
#define AUTOINT_JAX_KERNELS_LAYERS_H_

#include <algorithm>
#include <cmath>

#include "stack.h"
#include "tile.h"
#include "vector.h"

namespace autoint {

// [b][f][rows] -> [rows][columns] of the block's examples; padding is zero.
inline void enter(const Stack& s, const float* values, long first, long count, long rows, float* to) {
  const long columns = s.columns(), pitch = s.pitch();
  if (count * s.fields != columns) std::fill(to, to + rows * columns, 0.0f);
  for (long e = 0; e < count; ++e)
    for (long f = 0; f < s.fields; ++f) {
      const float* from = values + ((first + e) * s.fields + f) * rows;
      for (long i = 0; i < rows; ++i) to[i * columns + e * pitch + f] = from[i];
    }
}

inline void leave(const Stack& s, const float* from, long first, long count, long rows, float* values) {
  const long columns = s.columns(), pitch = s.pitch();
  for (long e = 0; e < count; ++e)
    for (long f = 0; f < s.fields; ++f) {
      float* to = values + ((first + e) * s.fields + f) * rows;
      for (long i = 0; i < rows; ++i) to[i] = from[i * columns + e * pitch + f];
    }
}

// Sets the columns behind the last of `count` examples to zero; they belong to no example, but sums run over all columns.
inline void clear_past(const Stack& s, long count, long rows, float* values) {
  const long columns = s.columns(), end = count ? (count - 1) * s.pitch() + s.fields : 0;
  if (end == columns || (count == s.examples() && s.pitch() == s.padded())) return;
  for (long i = 0; i < rows; ++i) std::fill(values + i * columns + end, values + (i + 1) * columns, 0.0f);
}

// Softmax over the rows of `8 * Vectors` columns of scores [g][f] (Eq. 5), in place. A NaN in a column reaches all of the column by
// its sum, whatever the largest score is.
template <int Vectors>
void softmax_columns(const Stack& s, float* scores) {
  const long padded = s.padded();
  Vector most[Vectors], total[Vectors] = {};
  for (int j = 0; j < Vectors; ++j) most[j] = load(scores + j * kLanes);
  for (long g = 1; g < s.fields; ++g)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) most[j] = larger_or_second(most[j], load(scores + g * padded + j * kLanes));
  for (long g = 0; g < s.fields; ++g)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) {
      float* entry = scores + g * padded + j * kLanes;
      const Vector e = exponential((load(entry) - most[j]) * s.scale);
      store(entry, e);
      total[j] += e;
    }
  for (int j = 0; j < Vectors; ++j) total[j] = 1.0f / total[j];
  for (long g = 0; g < s.fields; ++g)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) {
      float* entry = scores + g * padded + j * kLanes;
      store(entry, load(entry) * total[j]);
    }
}

inline void softmax(const Stack& s, float* scores) {
  for (long f = 0; f < s.padded();) {
    const long left = (s.padded() - f) / kLanes;
    if (left >= 5) softmax_columns<5>(s, scores + f), f += 5 * kLanes;
    else if (left >= 2) softmax_columns<2>(s, scores + f), f += 2 * kLanes;
    else softmax_columns<1>(s, scores + f), f += kLanes;
  }
}

// to [g][f] = from [g][f] times the factors that dropout leaves of an example's head; of two matrices at once where `also` is given,
// in place. Columns past the fields get finite values of no use.
inline void masked(const Stack& s, const Dropout& dropout, long example, long head, const float* from, float* to,
                   float* also = nullptr) {
  const uint32_t* own = dropout.words + (example * s.heads + head) * 2;
  for (long g = 0; g < s.fields; ++g)
    for (long f = 0; f < s.padded(); f += kLanes) {
      const Vector factors = dropout.factors(own, s.fields, f, g);
      const long at = g * s.padded() + f;
      store(to + at, load(from + at) * factors);
      if (also) store(also + at, load(also + at) * factors);
    }
}

// out = LayerNorm of the values at s.unnormed(z); mean and inverse deviation are kept.
inline void forward_norm(const Stack& s, const Weights& w, float* z, float* out) {
  const long columns = s.columns(), width = s.width();
  float *unnormed = s.unnormed(z), *mean = s.statistics(z), *inverse = mean + columns;
  for (long c = 0; c < columns; c += kWideLanes) {
    Wide sum{}, squares{}, r;
    for (long i = 0; i < width; ++i) sum += load<Wide>(unnormed + i * columns + c);
    const Wide m = sum / static_cast<float>(width);
    for (long i = 0; i < width; ++i) {
      const Wide centred = load<Wide>(unnormed + i * columns + c) - m;
      squares += centred * centred;
    }
    for (long j = 0; j < kWideLanes; ++j) r[j] = 1.0f / std::sqrt(squares[j] / static_cast<float>(width) + s.norm_epsilon);
    store(mean + c, m);
    store(inverse + c, r);
    for (long i = 0; i < width; ++i) {
      const Wide normed = (load<Wide>(unnormed + i * columns + c) - m) * r * w.norm_scale[i] + w.norm_offset[i];
      store(out + i * columns + c, s.norm_first ? rectified(normed) : normed);
    }
  }
}

// Adds a projection's bias and applies its ReLU.
struct Projected {
  const float* bias;
  bool relu;
  template <typename V>
  V operator()(V sum, long row, long) const {
    if (bias) sum += bias[row];
    return relu ? rectified(sum) : sum;
  }
};

// Turns the gradient after a projection's ReLU into the gradient before it; `values` are the outputs of the ReLU.
struct ThroughRelu {
  const float* values;
  template <typename V>
  V operator()(V sum, long, long at) const {
    return values ? (load<V>(values + at) > V{} ? sum : V{}) : sum;
  }
};

inline void forward_layer(const Stack& s, const Weights& w, long layer, const float* x, float* z, float* out, long first,
                          long count, float* spare) {
  const long columns = s.columns(), padded = s.padded(), pitch = s.pitch(), width = s.width(), a = s.head_width;
  const long projected = s.projected(layer);
  product(w.kernel, 1, projected, x, columns, z, columns, projected, s.in(layer), columns, Projected{w.bias, s.projection_relu});
  for (long e = 0; e < count; ++e)
    for (long head = 0; head < s.heads; ++head) {
      const float *query = z + head * a * columns + e * pitch, *key = query + width * columns, *value = key + width * columns;
      float* attention = s.attention(z) + (e * s.heads + head) * s.attention_size();
      product(key, 1, columns, query, columns, attention, padded, s.whole_keys(), a, padded);
      softmax(s, attention);
      std::fill(attention + s.fields * padded, attention + padded * padded, 0.0f);
      const float* mixing = attention;
      if (s.dropout) masked(s, w.dropout, first + e, head, attention, spare), mixing = spare;
      product(value, columns, 1, mixing, padded, out + head * a * columns + e * pitch, columns, a, s.fields, padded);
    }
  clear_past(s, count, width, out);
  const float* residual = s.adds_input(layer) ? x : z + 3 * width * columns;
  const bool norm_first = s.norm && s.norm_first;
  float* summed = s.norm ? s.unnormed(z) : out;
  for (long i = 0; i < width * columns; i += kWideLanes) {
    const Wide sum = s.residual ? load<Wide>(out + i) + load<Wide>(residual + i) : load<Wide>(out + i);
    store(summed + i, norm_first ? sum : rectified(sum));
  }
  if (s.norm) forward_norm(s, w, z, out);
}

// Computes the gradient of a LayerNorm's input, in place, and adds the gradients of its scale and offset. `spare` holds two rows of columns.
inline void backward_norm(const Stack& s, const Weights& w, float* z, float* gradient, const Gradients& to, float* spare) {
  const long columns = s.columns(), width = s.width();
  const float *unnormed = s.unnormed(z), *mean = s.statistics(z), *inverse = mean + columns;
  float *sum = spare, *along = spare + columns;  // sums of the gradient of normed values, and of its products with them
  std::fill(sum, sum + 2 * columns, 0.0f);
  for (long i = 0; i < width; ++i) {
    Wide of_scale{}, of_offset{};
    for (long c = 0; c < columns; c += kWideLanes) {
      const Wide g = load<Wide>(gradient + i * columns + c), of_normed = g * w.norm_scale[i];
      const Wide normed = (load<Wide>(unnormed + i * columns + c) - load<Wide>(mean + c)) * load<Wide>(inverse + c);
      of_scale += g * normed;
      of_offset += g;
      store(sum + c, load<Wide>(sum + c) + of_normed);
      store(along + c, load<Wide>(along + c) + of_normed * normed);
    }
    to.norm_scale[i] += sum_of_lanes(of_scale);
    to.norm_offset[i] += sum_of_lanes(of_offset);
  }
  const float share = 1.0f / static_cast<float>(width);
  for (long i = 0; i < width; ++i)
    for (long c = 0; c < columns; c += kWideLanes) {
      const Wide r = load<Wide>(inverse + c), normed = (load<Wide>(unnormed + i * columns + c) - load<Wide>(mean + c)) * r;
      const Wide means = (load<Wide>(sum + c) + normed * load<Wide>(along + c)) * share;
      store(gradient + i * columns + c, r * (load<Wide>(gradient + i * columns + c) * w.norm_scale[i] - means));
    }
}

// `gradient`, that of the layer's output, is overwritten; `of_x` gets the gradient of its input. `spare` holds 4 attention matrices and two rows of
// columns.
inline void backward_layer(const Stack& s, const Weights& w, long layer, const float* x, float* z, const float* out,
                           float* gradient, float* of_z, float* of_x, const Gradients& to, long first, long count,
                           float* spare) {
  const long columns = s.columns(), padded = s.padded(), pitch = s.pitch(), width = s.width(), a = s.head_width;
  const long projected = s.projected(layer);
  const long size = s.attention_size();
  if (s.norm && !s.norm_first) backward_norm(s, w, z, gradient, to, spare + 4 * size);
  const float* active = s.norm && !s.norm_first ? s.unnormed(z) : out;
  float* of_sum = s.projects_residual(layer) ? of_z + 3 * width * columns : gradient;
  for (long i = 0; i < width * columns; i += kWideLanes)
    store(of_sum + i, load<Wide>(active + i) > Wide{} ? load<Wide>(gradient + i) : Wide{});
  if (s.norm && s.norm_first) backward_norm(s, w, z, of_sum, to, spare + 4 * size);
  const auto through = [&](const float* values) { return ThroughRelu{s.projection_relu ? values : nullptr}; };
  float *of_scores = spare, *mixing = spare + size, *transposed = spare + 2 * size, *of_scores_t = spare + 3 * size;
  std::fill(of_scores + s.fields * padded, of_scores + size, 0.0f);
  std::fill(mixing + s.fields * padded, mixing + size, 0.0f);
  for (long e = 0; e < count; ++e)
    for (long head = 0; head < s.heads; ++head) {
      const long at = head * a * columns + e * pitch, next = width * columns;
      const float *query = z + at, *key = query + next, *value = key + next, *of_mixed = of_sum + at;
      const float* attention = s.attention(z) + (e * s.heads + head) * size;
      product(value, 1, columns, of_mixed, columns, of_scores, padded, s.whole_keys(), a, padded);
      std::fill(of_scores + s.fields * padded, of_scores + s.whole_keys() * padded, 0.0f);
      const float* mixed = attention;
      if (s.dropout) masked(s, w.dropout, first + e, head, attention, mixing, of_scores), mixed = mixing;
      transpose(mixed, transposed, padded);
      product(of_mixed, columns, 1, transposed, padded, of_z + at + 2 * next, columns, a, s.fields, padded, through(value));
      for (long f = 0; f < padded; f += kLanes) {  // through the softmax
        Vector along = all(0.0f);
        for (long g = 0; g < s.fields; ++g) along += load(attention + g * padded + f) * load(of_scores + g * padded + f);
        for (long g = 0; g < s.fields; ++g) {
          float* entry = of_scores + g * padded + f;
          store(entry, load(attention + g * padded + f) * (load(entry) - along) * s.scale);
        }
      }
      transpose(of_scores, of_scores_t, padded);
      product(key, columns, 1, of_scores, padded, of_z + at, columns, a, s.fields, padded, through(query));
      product(query, columns, 1, of_scores_t, padded, of_z + at + next, columns, a, s.fields, padded, through(key));
    }
  clear_past(s, count, 3 * width, of_z);
  if (s.projection_relu)  // for W_Res, whose gradient was needed unchanged until here
    for (long i = 3 * width * columns; i < projected * columns; i += kWideLanes)
      store(of_z + i, load<Wide>(z + i) > Wide{} ? load<Wide>(of_z + i) : Wide{});
  if (s.bias) add_row_sums(of_z, projected, columns, to.bias);
  add_inner_product(x, of_z, columns, columns, to.kernel, s.in(layer), projected);
  product(w.kernel, projected, 1, of_z, columns, of_x, columns, s.in(layer), projected, columns);
  if (s.adds_input(layer))
    for (long i = 0; i < width * columns; i += kWideLanes) store(of_x + i, load<Wide>(of_x + i) + load<Wide>(of_sum + i));
}

}  // namespace autoint

#endif  // AUTOINT_JAX_KERNELS_LAYERS_H_
