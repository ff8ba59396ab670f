// One interacting layer on a block of examples, forward and backward (paper section 4.4, Eqs. 5-8).
//
// Scores are kept as [g][f] and the softmax runs over rows: all operations are vectors over fields, and the forward pass
// needs no transposition.

#ifndef AUTOINT_JAX_KERNELS_LAYERS_H_
#define AUTOINT_JAX_KERNELS_LAYERS_H_

#include <algorithm>
#include <cmath>

#include "attention.h"
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

inline void forward_layer(const Stack& s, const Weights& w, long layer, const float* x, float* z, float* out, long first,
                          long count, float* spare) {
  const long columns = s.columns(), pitch = s.pitch(), width = s.width(), a = s.head_width;
  const long projected = s.projected(layer);
  product(w.kernel, 1, projected, x, columns, z, columns, projected, s.in(layer), columns, Projected{w.bias, s.projection_relu});
  for (long e = 0; e < count; ++e)
    for (long head = 0; head < s.heads; ++head) {
      const float* query = z + head * a * columns + e * pitch;
      float* attention = s.attention(z) + (e * s.heads + head) * s.attention_size();
      forward_attention(s, w.dropout, first + e, head, query, attention, out + head * a * columns + e * pitch, spare);
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
  const long columns = s.columns(), pitch = s.pitch(), width = s.width(), a = s.head_width;
  const long projected = s.projected(layer);
  const long size = s.attention_size();
  if (s.norm && !s.norm_first) backward_norm(s, w, z, gradient, to, spare + 4 * size);
  const float* active = s.norm && !s.norm_first ? s.unnormed(z) : out;
  float* of_sum = s.projects_residual(layer) ? of_z + 3 * width * columns : gradient;
  for (long i = 0; i < width * columns; i += kWideLanes)
    store(of_sum + i, load<Wide>(active + i) > Wide{} ? load<Wide>(gradient + i) : Wide{});
  if (s.norm && s.norm_first) backward_norm(s, w, z, of_sum, to, spare + 4 * size);
  for (long e = 0; e < count; ++e)
    for (long head = 0; head < s.heads; ++head) {
      const long at = head * a * columns + e * pitch;
      const float* attention = s.attention(z) + (e * s.heads + head) * size;
      backward_attention(s, w.dropout, first + e, head, z + at, attention, of_sum + at, of_z + at, spare);
    }
  clear_past(s, count, 3 * width, of_z);
  if (s.projection_relu)  // for W_Res, whose gradient was needed unchanged until here
    for (long i = 3 * width * columns; i < projected * columns; i += kWideLanes)
      store(of_z + i, load<Wide>(z + i) > Wide{} ? load<Wide>(of_z + i) : Wide{});
  if (s.bias) add_row_sums(of_z, projected, columns, to.bias);
  add_inner_product(x, columns, of_z, columns, columns, to.kernel, projected, s.in(layer), projected);
  product(w.kernel, projected, 1, of_z, columns, of_x, columns, s.in(layer), projected, columns);
  if (s.adds_input(layer))
    for (long i = 0; i < width * columns; i += kWideLanes) store(of_x + i, load<Wide>(of_x + i) + load<Wide>(of_sum + i));
}

}  // namespace autoint

#endif  // AUTOINT_JAX_KERNELS_LAYERS_H_
