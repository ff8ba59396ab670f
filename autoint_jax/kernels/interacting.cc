// The stack of interacting layers for CPUs, forward and backward, without a round trip to memory: a block of examples goes
// through all layers (`layers.h`) while its values (`stack.h`) stay in a core's cache. Called by XLA.

#include <algorithm>
#include <utility>
#include <vector>

#include "call.h"
#include "layers.h"
#include "parallel.h"
#include "stack.h"

namespace autoint {

// Reads the options of a stack with the input `x` [b][f][d].
static Stack stack_of(Call& call, const Floats& x) {
  Stack s(call.wrong ? 1 : x.shape[1], call.wrong ? 1 : x.shape[0]);
  s.layers = call.whole("layers");
  s.heads = call.whole("heads");
  s.head_width = call.whole("head_width");
  s.residual = call.flag("residual");
  s.identity_residual = call.flag("identity_residual");
  s.scale = call.real("scale");
  s.norm_epsilon = call.real("norm_epsilon");
  s.bias = call.flag("bias");
  s.projection_relu = call.flag("projection_relu");
  s.norm = call.flag("norm");
  s.norm_first = call.flag("norm_first");
  s.dropout = call.flag("dropout");
  if (call.wrong) return s;
  s.input = x.shape[2];
  return s;
}

// Reads the weights of all layers in order, which are the next arguments.
static std::vector<Weights> weights_of(Call& call, const Stack& s) {
  std::vector<Weights> all(s.layers);
  for (Weights& layer : all) {
    layer = {};
    layer.kernel = call.floats().data;
    if (s.bias) layer.bias = call.floats().data;
    if (s.norm) layer.norm_scale = call.floats().data, layer.norm_offset = call.floats().data;
    if (s.dropout) {
      const uint32_t* words = call.words().data;
      const float* rate = call.floats().data;
      if (!call.wrong) layer.dropout = Dropout(words, *rate);
    }
  }
  return all;
}

static void interacting_forward(Call& call) {
  const Floats x = call.floats();
  const Stack s = stack_of(call, x);
  const std::vector<Weights> w = weights_of(call, s);
  const Floats y = call.floats_out();
  const bool keep = call.has_more_results();
  float* saved = keep ? call.floats_out().data : nullptr;
  if (!call.complete()) return void(call.wrong = true);
  const long rows = x.shape[0], blocks = s.blocks(rows);
  parallel_for(call.threads, blocks, [&](long block) {
    const long first = block * s.examples(), count = std::min(s.examples(), rows - first);
    float* memory = scratch(s.attention_size() + (keep ? 0 : s.working_size()));
    float* at = keep ? saved + block * s.block_size() : memory + s.attention_size();
    enter(s, x.data, first, count, s.input, s.x(at, 0, keep));
    for (long layer = 0; layer < s.layers; ++layer)
      forward_layer(s, w[layer], layer, s.x(at, layer, keep), s.z(at, layer, keep), s.x(at, layer + 1, keep), first, count,
                    memory);
    leave(s, s.x(at, s.layers, keep), first, count, s.width(), y.data);
  });
}

// `sums` [tasks + 1][gradients]: every task adds its blocks' gradients to its own row, the last row is their sum in order, so the
// result does not depend on the number of threads.
static void interacting_backward(Call& call) {
  const Floats x = call.floats(), of_y = call.floats(), saved = call.floats();
  const Stack s = stack_of(call, x);
  const std::vector<Weights> w = weights_of(call, s);
  const Floats of_x = call.floats_out(), sums = call.floats_out();
  if (!call.complete()) return void(call.wrong = true);
  const long rows = x.shape[0], blocks = s.blocks(rows), tasks = sums.shape[0] - 1, size = s.gradients_size();
  const auto first_of = [&](long task) { return blocks / tasks * task + std::min(task, blocks % tasks); };  // larger tasks first
  parallel_for(call.threads, tasks, [&](long task) {
    const long of_z_size = s.most_projected() * s.columns(), spare_size = 4 * s.attention_size() + 2 * s.columns();
    float *of_weights = sums.data + task * size, *spare = scratch(spare_size + 2 * s.input_size() + of_z_size);
    float *of_z = spare + spare_size, *one = of_z + of_z_size, *other = one + s.input_size();
    std::fill(of_weights, of_weights + size, 0.0f);
    for (long block = first_of(task); block < first_of(task + 1); ++block) {
      const long first = block * s.examples(), count = std::min(s.examples(), rows - first);
      float* at = saved.data + block * s.block_size();
      enter(s, of_y.data, first, count, s.width(), one);
      for (long layer = s.layers - 1; layer >= 0; --layer) {
        backward_layer(s, w[layer], layer, s.x(at, layer, true), s.z(at, layer, true), s.x(at, layer + 1, true), one, of_z, other,
                       s.gradients(of_weights, layer), first, count, spare);
        std::swap(one, other);
      }
      leave(s, one, first, count, s.input, of_x.data);
    }
  });
  float* total = sums.data + tasks * size;
  const float* parts = sums.data;
  for (long i = 0; i < size; ++i) total[i] = parts[i];
  for (long task = 1; task < tasks; ++task)
    for (long i = 0; i < size; ++i) total[i] += parts[task * size + i];
}

}  // namespace autoint

AUTOINT_KERNEL(interacting_forward)
AUTOINT_KERNEL(interacting_backward)

// The blocks into which `rows` examples are divided, by which the caller allocates memory and chooses slices: the floats that a block
// keeps, its number of examples, and that of its columns.
extern "C" int64_t interacting_block_floats(int64_t fields, int64_t rows, int64_t input, int64_t layers, int64_t heads,
                                            int64_t head_width, bool residual, bool identity_residual, bool norm) {
  autoint::Stack s(fields, rows);
  s.input = input, s.layers = layers, s.heads = heads, s.head_width = head_width;
  s.residual = residual, s.identity_residual = identity_residual, s.norm = norm;
  return s.block_size();
}
extern "C" int64_t interacting_block_examples(int64_t fields, int64_t rows) {
  return autoint::Division(fields, rows).examples;
}
extern "C" int64_t interacting_block_columns(int64_t fields, int64_t rows) { return autoint::Division(fields, rows).columns; }
