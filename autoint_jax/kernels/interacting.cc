// The stack of interacting layers for CPUs, forward and backward, without a round trip to memory: a block of examples goes
// through all layers (`layers.h`) while its values (`stack.h`) stay in a core's cache. Called by XLA.

#include <algorithm>
#include <utility>
#include <vector>

#include "layers.h"
#include "parallel.h"
#include "stack.h"

namespace autoint {

namespace ffi = xla::ffi;
using Floats = ffi::Buffer<ffi::F32>;

// The weights of layer after layer, from argument `at` on.
static ffi::Error weights(const Stack& s, ffi::RemainingArgs& arguments, std::vector<Weights>& to) {
  const ffi::Error incomplete(ffi::ErrorCode::kInvalidArgument, "interacting: too few weights");
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
    if (s.dropout) {
      auto words = arguments.get<ffi::Buffer<ffi::U32>>(at++);
      const float* rate = next();
      if (!words.has_value() || !rate) return incomplete;
      layer.dropout = Dropout(words->typed_data(), *rate);
    }
  }
  return complete ? ffi::Error::Success() : incomplete;
}

// The options of a stack, in the order of STACK_ATTRIBUTES.
#define STACK_OPTIONS                                                                                                   \
  int64_t layers, int64_t heads, int64_t head_width, bool residual, bool identity_residual, float scale, float norm_epsilon, \
      bool bias, bool projection_relu, bool norm, bool norm_first, bool dropout
#define DESCRIBED(x)                                                                                                    \
  {x.dimensions()[1], x.dimensions()[2], layers, heads, head_width, residual, identity_residual, scale, norm_epsilon, bias, \
   projection_relu, norm, norm_first, dropout}

static ffi::Error forward(ffi::ThreadPool pool, Floats x, ffi::RemainingArgs arguments, ffi::Result<Floats> y,
                          ffi::RemainingRets kept, STACK_OPTIONS) {
  const Stack s = DESCRIBED(x);
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
      forward_layer(s, w[layer], layer, s.x(at, layer, keep), s.z(at, layer, keep), s.x(at, layer + 1, keep), first, count,
                    memory);
    leave(s, s.x(at, s.layers, keep), first, count, s.width(), y->typed_data());
  });
  return ffi::Error::Success();
}

// `sums` [tasks + 1][gradients]: every task adds its blocks' gradients to its own row, the last row is their sum in order, so the
// result does not depend on the number of threads.
static ffi::Error backward(ffi::ThreadPool pool, Floats x, Floats of_y, Floats saved, ffi::RemainingArgs arguments,
                           ffi::Result<Floats> of_x, ffi::Result<Floats> sums, STACK_OPTIONS) {
  const Stack s = DESCRIBED(x);
  std::vector<Weights> w(layers);
  if (ffi::Error error = weights(s, arguments, w); error.failure()) return error;
  const long rows = x.dimensions()[0], blocks = s.blocks(rows), tasks = sums->dimensions()[0] - 1, size = s.gradients_size();
  parallel_for(pool, tasks, [&](long task) {
    const long of_z_size = s.most_projected() * s.columns(), spare_size = 4 * s.attention_size() + 2 * s.columns();
    float *of_weights = sums->typed_data() + task * size, *spare = scratch(spare_size + 2 * s.input_size() + of_z_size);
    float *of_z = spare + spare_size, *one = of_z + of_z_size, *other = one + s.input_size();
    std::fill(of_weights, of_weights + size, 0.0f);
    for (long block = blocks * task / tasks; block < blocks * (task + 1) / tasks; ++block) {
      const long first = block * s.examples(), count = std::min(s.examples(), rows - first);
      float* at = saved.typed_data() + block * s.block_size();
      enter(s, of_y.typed_data(), first, count, s.width(), one);
      for (long layer = s.layers - 1; layer >= 0; --layer) {
        backward_layer(s, w[layer], layer, s.x(at, layer, true), s.z(at, layer, true), s.x(at, layer + 1, true), one, of_z, other,
                       s.gradients(of_weights, layer), first, count, spare);
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
  .Attr<int64_t>("layers").Attr<int64_t>("heads").Attr<int64_t>("head_width").Attr<bool>("residual")                  \
      .Attr<bool>("identity_residual").Attr<float>("scale").Attr<float>("norm_epsilon").Attr<bool>("bias")              \
      .Attr<bool>("projection_relu").Attr<bool>("norm").Attr<bool>("norm_first").Attr<bool>("dropout")

XLA_FFI_DEFINE_HANDLER_SYMBOL(interacting_forward, autoint::forward,
                              xla::ffi::Ffi::Bind().Ctx<xla::ffi::ThreadPool>().Arg<autoint::Floats>().RemainingArgs()
                                  .Ret<autoint::Floats>().RemainingRets() STACK_ATTRIBUTES);
XLA_FFI_DEFINE_HANDLER_SYMBOL(interacting_backward, autoint::backward,
                              xla::ffi::Ffi::Bind().Ctx<xla::ffi::ThreadPool>().Arg<autoint::Floats>().Arg<autoint::Floats>()
                                  .Arg<autoint::Floats>().RemainingArgs().Ret<autoint::Floats>().Ret<autoint::Floats>()
                                      STACK_ATTRIBUTES);

// Sizes that the caller needs to make room: floats kept of a block, examples of a block.
extern "C" int64_t interacting_block_floats(int64_t fields, int64_t input, int64_t layers, int64_t heads, int64_t head_width,
                                            bool residual, bool identity_residual, bool norm) {
  return autoint::Stack{fields, input, layers, heads, head_width, residual, identity_residual, 1, 0, false, false, norm}
      .block_size();
}
extern "C" int64_t interacting_block_examples(int64_t fields) { return autoint::Stack{fields}.examples(); }
