// The shape of a stack of interacting layers, and the places of a block's values in memory.
//
// Letters: f, g field as query and key; d width of a layer's input; n heads of a values, w = n * a; p projections (query,
// key, value, residual). Within a block every matrix is [rows][columns], columns = examples * padded fields, a
// multiple of kWideLanes.

#ifndef AUTOINT_JAX_KERNELS_STACK_H_
#define AUTOINT_JAX_KERNELS_STACK_H_

#include <algorithm>

#include "dropout.h"
#include "vector.h"

namespace autoint {

struct Weights {
  const float *kernel, *bias, *norm_scale, *norm_offset;  // [d][p][n][a], [p][n][a], [w], [w]
  Dropout dropout;
};
struct Gradients {
  float *kernel, *bias, *norm_scale, *norm_offset;
};

inline long whole(long count, long of) { return (count + of - 1) / of * of; }

// Scores of all fields with each other stay in the second-level cache up to so many fields; else queries are taken in parts.
constexpr long kMostWhole = 256, kPart = 160;

// How a block divides its columns among examples.
//
// An example's vectors are whole, so they have columns past its fields. Where these are few, each example has its own; aligned
// vectors load faster. Else examples stand close together, and the last vector of an example reaches into the next one, whose
// values are written later. What the last example of a block leaves behind its fields must be cleared.
struct Division {
  long fields, padded, pitch;  // pitch: columns from one example to the next
  long columns = 0, examples = 0;

  // Divides `rows` examples into blocks of at most 208 columns, so that the values of a layer fit in half of the L2 cache, or of one
  // example if that has more columns. All columns of a block are computed, so the number is taken for which they are the fewest in
  // all blocks together. An even number of blocks is the aim, because cores share them. With 128 columns the rows of a panel would
  // fall on few places of the first-level cache.
  Division(long fields, long rows) : fields(fields), padded(whole(fields, fields > kMostWhole ? kWideLanes : kLanes)) {
    constexpr long kMost = 208, kSlow = 128, kOfBlock = 24;  // what a block costs beside its columns, in columns
    pitch = fields * 16 >= padded * 15 ? padded : fields;
    long least = 0;
    for (long tried = whole(padded, 16); tried <= kMost; tried += 16) {
      const long blocks = whole(rows, fitting(tried)) / fitting(tried), cost = whole(blocks, 2) * (tried + kOfBlock);
      if (tried != kSlow && (!columns || cost < least)) columns = tried, examples = fitting(tried), least = cost;
    }
    if (!columns) columns = whole(padded, kWideLanes), examples = 1;
  }
  long fitting(long columns) const { return (columns - padded) / pitch + 1; }
};

struct Stack {
  Division block;
  long fields, input = 0, layers = 0, heads = 0, head_width = 0;
  bool residual = false, identity_residual = false;  // adds W_Res e_m; adds e_m itself if widths match
  float scale = 1, norm_epsilon = 0;
  bool bias = false, projection_relu = false, norm = false, norm_first = false;  // norm_first: LayerNorm before the activation
  bool dropout = false;

  Stack(long fields, long rows) : block(fields, rows), fields(fields) {}
  long width() const { return heads * head_width; }
  long in(long layer) const { return layer ? width() : input; }
  bool adds_input(long layer) const { return residual && identity_residual && in(layer) == width(); }
  bool projects_residual(long layer) const { return residual && !adds_input(layer); }
  long projected(long layer) const { return (projects_residual(layer) ? 4 : 3) * width(); }
  long padded() const { return block.padded; }
  // Number of keys whose scores are computed, a multiple of four; scores past the fields are not used. Smaller tiles of one
  // or two rows would be slow, because each sum waits for the one before.
  long whole_keys() const { return whole(fields, 4); }
  // Number of queries whose scores are computed at a time.
  long part() const { return padded() > kMostWhole ? kPart : padded(); }
  long pitch() const { return block.pitch; }
  long columns() const { return block.columns; }
  long examples() const { return block.examples; }
  long blocks(long rows) const { return (rows + examples() - 1) / examples(); }

  // A block keeps the inputs of all layers and the output, then for each layer its projections, its attention weights and,
  // with LayerNorm, the input, mean and inverse deviation of the norm.
  long input_size() const { return std::max(input, width()) * columns(); }
  long attention_size() const { return padded() * padded(); }
  long layer_size() const {  // large enough for the widest layer
    return most_projected() * columns() + examples() * heads * attention_size() + (norm ? (width() + 2) * columns() : 0);
  }
  long most_projected() const { return std::max(projected(0), projected(layers - 1)); }
  long block_size() const { return (layers + 1) * input_size() + layers * layer_size(); }
  long working_size() const { return 2 * input_size() + layer_size(); }  // size if no values are kept for the backward pass

  float* x(float* block, long layer, bool keep) const { return block + (keep ? layer : layer % 2) * input_size(); }
  float* z(float* block, long layer, bool keep) const {
    return keep ? block + (layers + 1) * input_size() + layer * layer_size() : block + 2 * input_size();
  }
  float* attention(float* z) const { return z + most_projected() * columns(); }
  float* unnormed(float* z) const { return attention(z) + examples() * heads * attention_size(); }
  float* statistics(float* z) const { return unnormed(z) + width() * columns(); }

  long gradient_size(long layer) const {
    return (in(layer) + bias) * projected(layer) + (norm ? 2 * width() : 0);
  }
  long gradients_size() const {
    long size = 0;
    for (long layer = 0; layer < layers; ++layer) size += gradient_size(layer);
    return size;
  }
  Gradients gradients(float* at, long layer) const {
    for (long before = 0; before < layer; ++before) at += gradient_size(before);
    Gradients g{at, nullptr, nullptr, nullptr};
    at += in(layer) * projected(layer);
    if (bias) g.bias = at, at += projected(layer);
    if (norm) g.norm_scale = at, g.norm_offset = at + width();
    return g;
  }
};

}  // namespace autoint

#endif  // AUTOINT_JAX_KERNELS_STACK_H_
