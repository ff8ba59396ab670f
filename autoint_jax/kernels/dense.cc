// Dense layers for CPUs, forward and backward: y = dropout(ReLU(x W + b)), [b][t][h] -> [b][t][o], where each of t tokens has its
// own W [h][o] and b. An ordinary dense layer has one token. Called by XLA.
//
// What follows a product happens while its values are in registers. No result depends on the number of threads.

#include <algorithm>

#include "call.h"
#include "dropout.h"
#include "panels.h"
#include "parallel.h"

namespace autoint {

// What a task reads again and again stays in the second-level cache: so many floats of its rows, and rows of W whose gradients it
// computes. A task has at most so many rows.
constexpr long kTaskFloats = 1 << 18, kTaskRows = 512, kWeightRows = 160;

// How rows are divided among tasks: each has `block` rows, the last one fewer.
struct Blocks {
  long rows, block;

  // With at most `most` rows in a block, in so many blocks that all threads have equal work.
  Blocks(const Threads& threads, long rows, long most) : rows(rows) {
    const long cores = std::max<long>(1, threads.count()), turns = (rows + most * cores - 1) / (most * cores);
    block = whole((rows + turns * cores - 1) / (turns * cores));
  }
  static long whole(long count) { return std::max<long>(1, (count + kPanelRows - 1) / kPanelRows) * kPanelRows; }
  static long fitting(long width) { return std::min(kTaskRows, whole(kTaskFloats / width)); }

  long count() const { return (rows + block - 1) / block; }
  long first(long task) const { return task * block; }
  long size(long task) const { return std::min(block, rows - task * block); }
};

// Stores sums of products as values of the layer.
struct LayerOutput {
  Rectangle y;
  const float* bias;  // filled up to whole vectors, or null
  bool relu;
  Dropout dropout;
  const uint32_t* words;  // of row 0

  Wide start(long, long) const { return Wide{}; }
  void finish(Wide sum, long row, long column) const {
    if (bias) sum += load<Wide>(bias + column);
    if (relu) sum = rectified(sum);
    if (words) sum *= dropout.factors_of_row(words + row * 2, column);
    y.put(sum, row, column);
  }
};

// The sizes of a layer, and where the values of a token begin.
struct Sizes {
  long rows, tokens, inputs, outputs;

  Sizes(const Floats& x, const Floats& w) : rows(x.shape[0]), tokens(x.shape[1]), inputs(x.shape[2]), outputs(w.shape[2]) {}
  template <typename T>
  T* x(T* values, long row, long token) const { return values + (row * tokens + token) * inputs; }
  template <typename T>
  T* y(T* values, long row, long token) const { return values + (row * tokens + token) * outputs; }
  long x_step() const { return tokens * inputs; }
  long y_step() const { return tokens * outputs; }
};

// `packed` is memory for the panels of W and the bias of each token.
static void dense_forward(Call& call) {
  const bool has_bias = call.flag("bias"), relu = call.flag("relu"), drops = call.flag("dropout");
  const Floats x = call.floats(), w = call.floats();
  const float* bias = has_bias ? call.floats().data : nullptr;
  const uint32_t* words = drops ? call.words().data : nullptr;
  const float* rate = drops ? call.floats().data : nullptr;
  const Floats y = call.floats_out(), packed = call.floats_out();
  if (!call.complete()) return void(call.wrong = true);
  const Sizes of(x, w);
  const long inputs = of.inputs, outputs = of.outputs, columns = panel_columns(outputs), panels = panel_count(outputs);
  const Dropout dropout = drops ? Dropout(words, *rate) : Dropout{};
  const auto packed_of = [&](long token) { return packed.data + token * (inputs + 1) * columns; };
  parallel_for(call.threads, of.tokens * panels, [&](long task) {
    const long token = task / panels, panel = task % panels;
    pack_panel(w.data + token * inputs * outputs, inputs, outputs, panel, packed_of(token) + panel * kPanel * inputs);
    if (bias) pack_panel(bias + token * outputs, 1, outputs, panel, packed_of(token) + inputs * columns + panel * kPanel);
  });
  const Blocks blocks(call.threads, of.rows, Blocks::fitting(inputs));
  parallel_for(call.threads, blocks.count() * of.tokens, [&](long task) {
    const long block = task / of.tokens, token = task % of.tokens, first = blocks.first(block);
    const float* panels_of_w = packed_of(token);
    const LayerOutput output{{of.y(y.data, first, token), outputs, of.y_step()}, bias ? panels_of_w + inputs * columns : nullptr, relu,
                             dropout, words ? words + first * 2 : nullptr};
    panels_product(Left::strided(of.x(x.data, first, token), of.x_step(), 1, inputs), panels_of_w, inputs * kPanel,
                   blocks.size(block), inputs, outputs, output);
  });
}

// The largest of equal parts, of at most `most`, into which `count` is cut.
inline long part_of(long count, long most) {
  const long parts = std::max<long>(1, (count + most - 1) / most);
  return (count + parts - 1) / parts;
}

// to [panels][count][kPanel] = the gradients of a layer's sums of products, from those of its values, whose rows have the step `step`;
// `kept` is the factor of values that dropout keeps. A value that is 0 was dropped, or its sum was not above 0. Whole vectors beyond
// the last output are left as they are, because no product reads them.
static void through_output(const float* of_y, const float* y, long step, bool relu, float kept, long count, long outputs, float* to) {
  for (long first = 0; first < outputs; first += kPanel)
    for (long i = 0; i < count; ++i, to += kPanel)
      for (long column = first; column < std::min(first + kPanel, outputs); column += kWideLanes) {
        const Wide g = row_vector(of_y + i * step, column, outputs);
        store(to + column - first, relu ? (row_vector(y + i * step, column, outputs) > Wide{} ? g * kept : Wide{}) : g);
      }
}

// Gives `sums` the sums over `rows` rows of a panel whose first column is `first`.
static void add_rows(const float* panel, long rows, long first, const Sums& sums) {
  for (int j = 0; j < kPanelVectors && first + j * kWideLanes < sums.to.columns; ++j) {
    Wide sum = sums.start(0, first + j * kWideLanes);
    for (long i = 0; i < rows; ++i) sum += load<Wide>(panel + i * kPanel + j * kWideLanes);
    sums.finish(sum, 0, first + j * kWideLanes);
  }
}

// `packed` is memory for the panels of the transpose of W of each token. `of_sums` is memory for the gradients of sums of products, in
// panels. As many rows and tokens as it holds are taken at a time, so that these are in a cache when the gradients of W are computed.
static void dense_backward(Call& call) {
  const bool has_bias = call.flag("bias"), relu = call.flag("relu"), drops = call.flag("dropout");
  const Floats x = call.floats(), w = call.floats(), y = call.floats(), of_y = call.floats();
  const float* rate = drops ? call.floats().data : nullptr;
  const Floats of_x = call.floats_out(), of_w = call.floats_out();
  const Floats of_bias = has_bias ? call.floats_out() : Floats{};
  const Floats packed = call.floats_out(), of_sums = call.floats_out();
  if (!call.complete()) return void(call.wrong = true);
  const Sizes of(x, w);
  const long inputs = of.inputs, outputs = of.outputs, columns = panel_columns(outputs), held = of_sums.shape[0] / columns;
  const long in_panels = panel_count(inputs), out_panels = panel_count(outputs);
  const float kept = drops ? 1.0f / (1.0f - *rate) : 1.0f;
  const auto packed_of = [&](long token) { return packed.data + token * outputs * panel_columns(inputs); };
  if (!held) return void(call.wrong = true);
  parallel_for(call.threads, of.tokens * in_panels, [&](long task) {
    const long token = task / in_panels, panel = task % in_panels;
    pack_transposed_panel(w.data + token * inputs * outputs, outputs, inputs, panel, packed_of(token) + panel * kPanel * outputs);
  });
  const long rows_at_once = part_of(of.rows, held), tokens_at_once = part_of(of.tokens, std::max<long>(1, held / rows_at_once));
  const Blocks weights(call.threads, inputs, kWeightRows);
  const auto take = [&](long row, long rows, long token_0, long tokens) {
    const Blocks blocks(call.threads, rows, Blocks::fitting(outputs));
    const auto sums_of = [&](long token, long block) { return of_sums.data + (token * rows + blocks.first(block)) * columns; };
    parallel_for(call.threads, blocks.count() * tokens, [&](long task) {
      const long block = task / tokens, token = task % tokens, first = row + blocks.first(block), count = blocks.size(block);
      float *sums = sums_of(token, block), *to = of.x(of_x.data, first, token_0 + token);
      through_output(of.y(of_y.data, first, token_0 + token), of.y(y.data, first, token_0 + token), of.y_step(), relu, kept, count, outputs,
                     sums);
      panels_product(Left::panels(sums, count * kPanel), packed_of(token_0 + token), outputs * kPanel, count, outputs, inputs,
                     Sums{{to, inputs, of.x_step()}, false});
    });
    parallel_for(call.threads, weights.count() * tokens, [&](long task) {
      const long token = task % tokens, first = weights.first(task / tokens), count = weights.size(task / tokens);
      float *tiles = scratch(Blocks::whole(count) * blocks.block), *to = of_w.data + ((token_0 + token) * inputs + first) * outputs;
      for (long block = 0; block < blocks.count(); ++block) {
        const long inner = blocks.size(block);
        pack_tiles(of.x(x.data, row + blocks.first(block), token_0 + token) + first, of.x_step(), inner, count, tiles);
        panels_product(Left::tiles(tiles, inner), sums_of(token, block), inner * kPanel, count, inner, outputs,
                       Sums{{to, outputs, outputs}, row + block > 0});
      }
    });
    if (!has_bias) return;
    parallel_for(call.threads, tokens * out_panels, [&](long task) {
      const long token = task / out_panels, panel = task % out_panels;
      const Rectangle to{of_bias.data + (token_0 + token) * outputs, outputs, outputs};
      for (long block = 0; block < blocks.count(); ++block)
        add_rows(sums_of(token, block) + panel * kPanel * blocks.size(block), blocks.size(block), panel * kPanel, {to, row + block > 0});
    });
  };
  for (long row = 0; row < of.rows; row += rows_at_once)
    for (long token = 0; token < of.tokens; token += tokens_at_once)
      take(row, std::min(rows_at_once, of.rows - row), token, std::min(tokens_at_once, of.tokens - token));
}

}  // namespace autoint

AUTOINT_KERNEL(dense_forward)
AUTOINT_KERNEL(dense_backward)

// The columns of a matrix in panels.
extern "C" int64_t dense_panel_columns(int64_t columns) { return autoint::panel_columns(columns); }
