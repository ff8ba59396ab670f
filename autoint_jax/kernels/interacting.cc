// The stack of interacting layers (paper section 4.4, Eqs. 5-8) for CPUs, forward and backward, without a round trip to
// memory: a block of examples goes through all layers while its values stay in a core's cache.
//
// Letters: f, g field as query and key; d width of a layer's input; n heads of a values, w = n * a; p projections (query,
// key, value, residual). Within a block every matrix is [rows][columns], columns = examples * padded fields, so scores are
// kept as [g][f] and the softmax runs over rows: all operations are vectors over fields, and forward needs no transposition.

#include <algorithm>
#include <cmath>

#include "parallel.h"
#include "tile.h"

namespace autoint {

struct Weights {
  const float *kernel, *bias, *norm_scale, *norm_offset, *mask;  // [d][p][n][a], [p][n][a], [w], [w], [b][n][f][g]
};
struct Gradients {
  float *kernel, *bias, *norm_scale, *norm_offset;
};

struct Stack {
  long fields, input, layers, heads, head_width, projections;
  float scale;
  bool bias, projection_relu, norm, mask;

  long width() const { return heads * head_width; }
  long projected() const { return projections * width(); }
  bool residual() const { return projections == 4; }
  long in(long layer) const { return layer ? width() : input; }
  long padded() const { return (fields + kLanes - 1) / kLanes * kLanes; }
  // Examples of a block: about 160 columns, so that the values of a layer fit half a second-level cache.
  long examples() const { return std::max<long>(1, 160 / padded()); }
  long columns() const { return examples() * padded(); }
  long blocks(long rows) const { return (rows + examples() - 1) / examples(); }

  // What a block keeps: the inputs of all layers and the output, then for each layer projections, attention weights and,
  // with LayerNorm, its input, mean and inverse deviation.
  long input_size() const { return std::max(input, width()) * columns(); }
  long attention_size() const { return padded() * padded(); }
  long layer_size() const {
    return projected() * columns() + examples() * heads * attention_size() + (norm ? (width() + 2) * columns() : 0);
  }
  long block_size() const { return (layers + 1) * input_size() + layers * layer_size(); }
  long working_size() const { return 2 * input_size() + layer_size(); }  // without keeping

  float* x(float* block, long layer, bool keep) const { return block + (keep ? layer : layer % 2) * input_size(); }
  float* z(float* block, long layer, bool keep) const {
    return keep ? block + (layers + 1) * input_size() + layer * layer_size() : block + 2 * input_size();
  }
  float* attention(float* z) const { return z + projected() * columns(); }
  float* unnormed(float* z) const { return attention(z) + examples() * heads * attention_size(); }
  float* statistics(float* z) const { return unnormed(z) + width() * columns(); }

  long gradient_size(long layer) const {
    return in(layer) * projected() + (bias ? projected() : 0) + (norm ? 2 * width() : 0);
  }
  long gradients_size() const {
    long size = 0;
    for (long layer = 0; layer < layers; ++layer) size += gradient_size(layer);
    return size;
  }
  Gradients gradients(float* at, long layer) const {
    for (long before = 0; before < layer; ++before) at += gradient_size(before);
    Gradients g{at, nullptr, nullptr, nullptr};
    at += in(layer) * projected();
    if (bias) g.bias = at, at += projected();
    if (norm) g.norm_scale = at, g.norm_offset = at + width();
    return g;
  }
};

// [b][f][rows] -> [rows][columns] of the block's examples; padding is zero.
static void enter(const Stack& s, const float* values, long first, long count, long rows, float* to) {
  const long columns = s.columns(), padded = s.padded();
  if (padded != s.fields || count != s.examples()) std::fill(to, to + rows * columns, 0.0f);
  for (long e = 0; e < count; ++e)
    for (long f = 0; f < s.fields; ++f) {
      const float* from = values + ((first + e) * s.fields + f) * rows;
      for (long i = 0; i < rows; ++i) to[i * columns + e * padded + f] = from[i];
    }
}

static void leave(const Stack& s, const float* from, long first, long count, long rows, float* values) {
  const long columns = s.columns(), padded = s.padded();
  for (long e = 0; e < count; ++e)
    for (long f = 0; f < s.fields; ++f) {
      float* to = values + ((first + e) * s.fields + f) * rows;
      for (long i = 0; i < rows; ++i) to[i] = from[i * columns + e * padded + f];
    }
}

// Softmax over the rows of `8 * Vectors` columns of scores [g][f] (Eq. 5), in place.
template <int Vectors>
static void softmax_columns(const Stack& s, float* scores) {
  const long padded = s.padded();
  Vector most[Vectors], total[Vectors] = {};
  for (int j = 0; j < Vectors; ++j) most[j] = load(scores + j * kLanes);
  for (long g = 1; g < s.fields; ++g)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) most[j] = larger(most[j], load(scores + g * padded + j * kLanes));
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

static void softmax(const Stack& s, float* scores) {
  for (long f = 0; f < s.padded();) {
    const long left = (s.padded() - f) / kLanes;
    if (left >= 5) softmax_columns<5>(s, scores + f), f += 5 * kLanes;
    else if (left >= 2) softmax_columns<2>(s, scores + f), f += 2 * kLanes;
    else softmax_columns<1>(s, scores + f), f += kLanes;
  }
}

// to [g][f] = from [g][f] * mask [f][g].
static void masked(const Stack& s, const float* from, const float* mask, float* to) {
  const long padded = s.padded();
  for (long g = 0; g < s.fields; ++g) {
    for (long f = 0; f < s.fields; ++f) to[g * padded + f] = from[g * padded + f] * mask[f * s.fields + g];
    for (long f = s.fields; f < padded; ++f) to[g * padded + f] = 0;
  }
}

static const float* mask_of(const Stack& s, const Weights& w, long example, long head) {
  return w.mask + (example * s.heads + head) * s.fields * s.fields;
}

static void forward_layer(const Stack& s, const Weights& w, const float* x, long width_in, float* z, float* out, long first,
                          long count, float* spare) {
  const long columns = s.columns(), padded = s.padded(), width = s.width(), projected = s.projected(), a = s.head_width;
  product(w.kernel, 1, projected, x, columns, z, columns, projected, width_in, columns);
  if (s.bias || s.projection_relu)
    for (long i = 0; i < projected; ++i)
      for (long c = 0; c < columns; c += kLanes) {
        const Vector v = load(z + i * columns + c) + all(s.bias ? w.bias[i] : 0.0f);
        store(z + i * columns + c, s.projection_relu ? larger(v, all(0.0f)) : v);
      }
  if (count != s.examples()) std::fill(out, out + width * columns, 0.0f);
  for (long e = 0; e < count; ++e)
    for (long head = 0; head < s.heads; ++head) {
      const float *query = z + head * a * columns + e * padded, *key = query + width * columns, *value = key + width * columns;
      float* attention = s.attention(z) + (e * s.heads + head) * s.attention_size();
      product(key, 1, columns, query, columns, attention, padded, s.fields, a, padded);
      softmax(s, attention);
      std::fill(attention + s.fields * padded, attention + padded * padded, 0.0f);
      const float* mixing = attention;
      if (s.mask) masked(s, attention, mask_of(s, w, first + e, head), spare), mixing = spare;
      product(value, columns, 1, mixing, padded, out + head * a * columns + e * padded, columns, a, s.fields, padded);
    }
  const float* residual = z + 3 * width * columns;
  for (long i = 0; i < width * columns; i += kLanes) {
    const Vector sum = s.residual() ? load(out + i) + load(residual + i) : load(out + i);
    store(out + i, larger(sum, all(0.0f)));
  }
  if (!s.norm) return;
  float *unnormed = s.unnormed(z), *mean = s.statistics(z), *inverse = mean + columns;
  std::copy(out, out + width * columns, unnormed);
  for (long c = 0; c < columns; c += kLanes) {
    Vector sum = all(0.0f), squares = all(0.0f);
    for (long i = 0; i < width; ++i) sum += load(out + i * columns + c);
    const Vector m = sum / static_cast<float>(width);
    for (long i = 0; i < width; ++i) {
      const Vector centred = load(out + i * columns + c) - m;
      squares += centred * centred;
    }
    Vector r;
    for (long j = 0; j < kLanes; ++j) r[j] = 1.0f / std::sqrt(squares[j] / static_cast<float>(width) + 1e-8f);
    store(mean + c, m);
    store(inverse + c, r);
    for (long i = 0; i < width; ++i) {
      const Vector normed = (load(out + i * columns + c) - m) * r;
      store(out + i * columns + c, normed * all(w.norm_scale[i]) + all(w.norm_offset[i]));
    }
  }
}

static float total(const float* row, long columns) {
  Vector sum = all(0.0f);
  for (long c = 0; c < columns; c += kLanes) sum += load(row + c);
  return sum_of_lanes(sum);
}

// Gradient of a LayerNorm's input, in place; adds those of its scale and offset.
static void backward_norm(const Stack& s, const Weights& w, float* z, float* gradient, const Gradients& to) {
  const long columns = s.columns(), width = s.width();
  const float *unnormed = s.unnormed(z), *mean = s.statistics(z), *inverse = mean + columns;
  for (long c = 0; c < columns; c += kLanes) {
    const Vector m = load(mean + c), r = load(inverse + c);
    Vector sum = all(0.0f), along = all(0.0f);
    for (long i = 0; i < width; ++i) {
      const Vector g = load(gradient + i * columns + c), normed = (load(unnormed + i * columns + c) - m) * r;
      to.norm_scale[i] += sum_of_lanes(g * normed);
      to.norm_offset[i] += sum_of_lanes(g);
      sum += g * all(w.norm_scale[i]);
      along += g * all(w.norm_scale[i]) * normed;
    }
    sum /= static_cast<float>(width);
    along /= static_cast<float>(width);
    for (long i = 0; i < width; ++i) {
      const Vector normed = (load(unnormed + i * columns + c) - m) * r;
      store(gradient + i * columns + c, r * (load(gradient + i * columns + c) * all(w.norm_scale[i]) - sum - normed * along));
    }
  }
}

// `gradient` of the layer's output is used up; `of_x` gets that of its input. `spare` holds 5 attention matrices.
static void backward_layer(const Stack& s, const Weights& w, const float* x, long width_in, float* z, const float* out,
                           float* gradient, float* of_z, float* of_x, const Gradients& to, long first, long count,
                           float* spare) {
  const long columns = s.columns(), padded = s.padded(), width = s.width(), projected = s.projected(), a = s.head_width;
  const long size = s.attention_size();
  if (s.norm) backward_norm(s, w, z, gradient, to);
  const float* active = s.norm ? s.unnormed(z) : out;
  float* of_sum = s.residual() ? of_z + 3 * width * columns : gradient;
  for (long i = 0; i < width * columns; i += kLanes)
    store(of_sum + i, load(active + i) > all(0.0f) ? load(gradient + i) : all(0.0f));
  if (count != s.examples()) std::fill(of_z, of_z + 3 * width * columns, 0.0f);
  float *of_scores = spare, *mixing = spare + size, *transposed = spare + 2 * size, *of_scores_t = spare + 3 * size;
  std::fill(of_scores + s.fields * padded, of_scores + size, 0.0f);
  std::fill(mixing + s.fields * padded, mixing + size, 0.0f);
  for (long e = 0; e < count; ++e)
    for (long head = 0; head < s.heads; ++head) {
      const long at = head * a * columns + e * padded, next = width * columns;
      const float *query = z + at, *key = query + next, *value = key + next, *of_mixed = of_sum + at;
      const float* attention = s.attention(z) + (e * s.heads + head) * size;
      product(value, 1, columns, of_mixed, columns, of_scores, padded, s.fields, a, padded);
      const float* mixed = attention;
      if (s.mask) {
        const float* mask = mask_of(s, w, first + e, head);
        masked(s, attention, mask, mixing), mixed = mixing;
        masked(s, of_scores, mask, of_scores);
      }
      transpose(mixed, transposed, padded);
      product(of_mixed, columns, 1, transposed, padded, of_z + at + 2 * next, columns, a, s.fields, padded);
      for (long f = 0; f < padded; f += kLanes) {  // through the softmax
        Vector along = all(0.0f);
        for (long g = 0; g < s.fields; ++g) along += load(attention + g * padded + f) * load(of_scores + g * padded + f);
        for (long g = 0; g < s.fields; ++g) {
          float* entry = of_scores + g * padded + f;
          store(entry, load(attention + g * padded + f) * (load(entry) - along) * s.scale);
        }
      }
      transpose(of_scores, of_scores_t, padded);
      product(key, columns, 1, of_scores, padded, of_z + at, columns, a, s.fields, padded);
      product(query, columns, 1, of_scores_t, padded, of_z + at + next, columns, a, s.fields, padded);
    }
  if (s.projection_relu)
    for (long i = 0; i < projected * columns; i += kLanes)
      store(of_z + i, load(z + i) > all(0.0f) ? load(of_z + i) : all(0.0f));
  if (s.bias)
    for (long i = 0; i < projected; ++i) to.bias[i] += total(of_z + i * columns, columns);
  add_inner_product(x, of_z, columns, columns, to.kernel, width_in, projected);
  product(w.kernel, projected, 1, of_z, columns, of_x, columns, width_in, projected, columns);
}

namespace ffi = xla::ffi;
using Floats = ffi::Buffer<ffi::F32>;

// The weights of layer after layer, from argument `at` on.
static ffi::Error weights(const Stack& s, ffi::RemainingArgs& arguments, std::vector<Weights>& to) {
  size_t at = 0;
  bool complete = true;
  auto next = [&]() -> const float* {
    auto buffer = arguments.get<Floats>(at++);
    if (!buffer.has_value()) complete = false;
    return buffer.has_value() ? buffer->typed_data() : nullptr;
  };
  for (Weights& layer : to) {
    layer = {};
    layer.kernel = next();
    if (s.bias) layer.bias = next();
    if (s.norm) layer.norm_scale = next(), layer.norm_offset = next();
    if (s.mask) layer.mask = next();
  }
  return complete ? ffi::Error::Success() : ffi::Error(ffi::ErrorCode::kInvalidArgument, "interacting: too few weights");
}

static Stack described(Floats x, int64_t layers, int64_t heads, int64_t head_width, int64_t projections, float scale,
                       bool bias, bool projection_relu, bool norm, bool mask) {
  return {x.dimensions()[1], x.dimensions()[2], layers, heads, head_width, projections, scale, bias, projection_relu, norm, mask};
}

static ffi::Error forward(ffi::ThreadPool pool, Floats x, ffi::RemainingArgs arguments, ffi::Result<Floats> y,
                          ffi::RemainingRets kept, int64_t layers, int64_t heads, int64_t head_width, int64_t projections,
                          float scale, bool bias, bool projection_relu, bool norm, bool mask) {
  const Stack s = described(x, layers, heads, head_width, projections, scale, bias, projection_relu, norm, mask);
  std::vector<Weights> w(layers);
  if (ffi::Error error = weights(s, arguments, w); error.failure()) return error;
  const long rows = x.dimensions()[0], blocks = s.blocks(rows);
  const bool keep = kept.size() > 0;
  float* saved = keep ? (*kept.get<Floats>(0))->typed_data() : nullptr;
  parallel_for(pool, blocks, [&](long block) {
    const long first = block * s.examples(), count = std::min(s.examples(), rows - first);
    float* memory = scratch(s.attention_size() + (keep ? 0 : s.working_size()));
    float* at = keep ? saved + block * s.block_size() : memory + s.attention_size();
    enter(s, x.typed_data(), first, count, s.input, s.x(at, 0, keep));
    for (long layer = 0; layer < s.layers; ++layer)
      forward_layer(s, w[layer], s.x(at, layer, keep), s.in(layer), s.z(at, layer, keep), s.x(at, layer + 1, keep), first,
                    count, memory);
    leave(s, s.x(at, s.layers, keep), first, count, s.width(), y->typed_data());
  });
  return ffi::Error::Success();
}

// `sums` [tasks + 1][gradients]: every task adds its blocks' gradients to its own row, the last row is their sum in order, so the
// result does not depend on the number of threads.
static ffi::Error backward(ffi::ThreadPool pool, Floats x, Floats of_y, Floats saved, ffi::RemainingArgs arguments,
                           ffi::Result<Floats> of_x, ffi::Result<Floats> sums, int64_t layers, int64_t heads,
                           int64_t head_width, int64_t projections, float scale, bool bias, bool projection_relu, bool norm,
                           bool mask) {
  const Stack s = described(x, layers, heads, head_width, projections, scale, bias, projection_relu, norm, mask);
  std::vector<Weights> w(layers);
  if (ffi::Error error = weights(s, arguments, w); error.failure()) return error;
  const long rows = x.dimensions()[0], blocks = s.blocks(rows), tasks = sums->dimensions()[0] - 1, size = s.gradients_size();
  parallel_for(pool, tasks, [&](long task) {
    float *of_weights = sums->typed_data() + task * size, *spare = scratch(4 * s.attention_size() + 2 * s.input_size() + s.projected() * s.columns());
    float *of_z = spare + 4 * s.attention_size(), *one = of_z + s.projected() * s.columns(), *other = one + s.input_size();
    std::fill(of_weights, of_weights + size, 0.0f);
    for (long block = blocks * task / tasks; block < blocks * (task + 1) / tasks; ++block) {
      const long first = block * s.examples(), count = std::min(s.examples(), rows - first);
      float* at = saved.typed_data() + block * s.block_size();
      enter(s, of_y.typed_data(), first, count, s.width(), one);
      for (long layer = s.layers - 1; layer >= 0; --layer) {
        backward_layer(s, w[layer], s.x(at, layer, true), s.in(layer), s.z(at, layer, true), s.x(at, layer + 1, true), one, of_z,
                       other, s.gradients(of_weights, layer), first, count, spare);
        std::swap(one, other);
      }
      leave(s, one, first, count, s.input, of_x->typed_data());
    }
  });
  float* total = sums->typed_data() + tasks * size;
  const float* parts = sums->typed_data();
  for (long i = 0; i < size; ++i) total[i] = parts[i];
  for (long task = 1; task < tasks; ++task)
    for (long i = 0; i < size; ++i) total[i] += parts[task * size + i];
  return ffi::Error::Success();
}

}  // namespace autoint

#define STACK_ATTRIBUTES                                                                                              \
  .Attr<int64_t>("layers").Attr<int64_t>("heads").Attr<int64_t>("head_width").Attr<int64_t>("projections")            \
      .Attr<float>("scale").Attr<bool>("bias").Attr<bool>("projection_relu").Attr<bool>("norm").Attr<bool>("mask")

XLA_FFI_DEFINE_HANDLER_SYMBOL(interacting_forward, autoint::forward,
                              xla::ffi::Ffi::Bind().Ctx<xla::ffi::ThreadPool>().Arg<autoint::Floats>().RemainingArgs()
                                  .Ret<autoint::Floats>().RemainingRets() STACK_ATTRIBUTES);
XLA_FFI_DEFINE_HANDLER_SYMBOL(interacting_backward, autoint::backward,
                              xla::ffi::Ffi::Bind().Ctx<xla::ffi::ThreadPool>().Arg<autoint::Floats>().Arg<autoint::Floats>()
                                  .Arg<autoint::Floats>().RemainingArgs().Ret<autoint::Floats>().Ret<autoint::Floats>()
                                      STACK_ATTRIBUTES);

// Sizes that the caller needs to make room: floats kept of a block, examples of a block.
extern "C" int64_t interacting_block_floats(int64_t fields, int64_t input, int64_t layers, int64_t heads, int64_t head_width,
                                            int64_t projections, bool norm) {
  return autoint::Stack{fields, input, layers, heads, head_width, projections, 1, false, false, norm, false}.block_size();
}
extern "C" int64_t interacting_block_examples(int64_t fields) { return autoint::Stack{fields}.examples(); }
