// A dense layer for CPUs: y = dropout(ReLU(x W + b)), [b][h] -> [b][o], forward and backward. Called by XLA.
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

// `packed` is memory for the panels of W and the bias.
static void dense_forward(Call& call) {
  const bool has_bias = call.flag("bias"), relu = call.flag("relu"), drops = call.flag("dropout");
  const Floats x = call.floats(), w = call.floats();
  const float* bias = has_bias ? call.floats().data : nullptr;
  const uint32_t* words = drops ? call.words().data : nullptr;
  const float* rate = drops ? call.floats().data : nullptr;
  const Floats y = call.floats_out(), packed = call.floats_out();
  if (!call.complete()) return void(call.wrong = true);
  const long rows = x.shape[0], inputs = x.shape[1], outputs = w.shape[1];
  const Dropout dropout = drops ? Dropout(words, *rate) : Dropout{};
  float* filled = packed.data + inputs * panel_columns(outputs);
  if (bias) std::copy(bias, bias + outputs, filled), std::fill(filled + outputs, filled + panel_columns(outputs), 0.0f);
  parallel_for(call.threads, panel_count(outputs), [&](long panel) {
    pack_panel(w.data, inputs, outputs, panel, packed.data + panel * kPanel * inputs);
  });
  const Blocks blocks(call.threads, rows, Blocks::fitting(inputs));
  parallel_for(call.threads, blocks.count(), [&](long task) {
    const long first = blocks.first(task);
    const LayerOutput output{{y.data + first * outputs, outputs}, bias ? filled : nullptr, relu, dropout, words ? words + first * 2 : nullptr};
    panels_product(Left::strided(x.data + first * inputs, inputs, 1, inputs), packed.data, inputs * kPanel, blocks.size(task), inputs,
                   outputs, output);
  });
}

// to [panels][count][kPanel] = the gradients of a layer's sums of products, from those of its values; `kept` is the factor of values
// that dropout keeps. A value that is 0 was dropped, or its sum was not above 0. Whole vectors beyond the last output are left as
// they are, because no product reads them.
static void through_output(const float* of_y, const float* y, bool relu, float kept, long count, long outputs, float* to) {
  for (long first = 0; first < outputs; first += kPanel)
    for (long i = 0; i < count; ++i, to += kPanel)
      for (long column = first; column < std::min(first + kPanel, outputs); column += kWideLanes) {
        const Wide g = row_vector(of_y + i * outputs, column, outputs);
        store(to + column - first, relu ? (row_vector(y + i * outputs, column, outputs) > Wide{} ? g * kept : Wide{}) : g);
      }
}

// `packed` is memory for the panels of the transpose of W, `of_sums` for those of the gradients of sums of products.
static void dense_backward(Call& call) {
  const bool has_bias = call.flag("bias"), relu = call.flag("relu"), drops = call.flag("dropout");
  const Floats x = call.floats(), w = call.floats(), y = call.floats(), of_y = call.floats();
  const float* rate = drops ? call.floats().data : nullptr;
  const Floats of_x = call.floats_out(), of_w = call.floats_out();
  const Floats of_bias = has_bias ? call.floats_out() : Floats{};
  const Floats packed = call.floats_out(), of_sums = call.floats_out();
  if (!call.complete()) return void(call.wrong = true);
  const long rows = x.shape[0], inputs = x.shape[1], outputs = w.shape[1];
  const float kept = drops ? 1.0f / (1.0f - *rate) : 1.0f;
  parallel_for(call.threads, panel_count(inputs), [&](long panel) {
    pack_transposed_panel(w.data, outputs, inputs, panel, packed.data + panel * kPanel * outputs);
  });
  const Blocks blocks(call.threads, rows, Blocks::fitting(outputs));
  const auto sums_of = [&](long block) { return of_sums.data + blocks.first(block) * panel_columns(outputs); };
  parallel_for(call.threads, blocks.count(), [&](long task) {
    const long first = blocks.first(task), count = blocks.size(task);
    through_output(of_y.data + first * outputs, y.data + first * outputs, relu, kept, count, outputs, sums_of(task));
    panels_product(Left::panels(sums_of(task), count * kPanel), packed.data, outputs * kPanel, count, outputs, inputs,
                   Sums{{of_x.data + first * inputs, inputs}, false});
  });
  const Blocks weights(call.threads, inputs, kWeightRows);
  parallel_for(call.threads, weights.count(), [&](long task) {
    const long first = weights.first(task), count = weights.size(task);
    float* tiles = scratch(Blocks::whole(count) * blocks.block);
    for (long block = 0; block < blocks.count(); ++block) {
      const long inner = blocks.size(block);
      pack_tiles(x.data + blocks.first(block) * inputs + first, inputs, inner, count, tiles);
      panels_product(Left::tiles(tiles, inner), sums_of(block), inner * kPanel, count, inner, outputs,
                     Sums{{of_w.data + first * outputs, outputs}, block > 0});
    }
  });
  if (!has_bias) return;
  parallel_for(call.threads, panel_count(outputs), [&](long panel) {
    Wide sum[kPanelVectors] = {};
    for (long block = 0; block < blocks.count(); ++block) {
      const float* row = sums_of(block) + panel * kPanel * blocks.size(block);
      for (long i = 0; i < blocks.size(block); ++i, row += kPanel)
        for (int j = 0; j < kPanelVectors; ++j) sum[j] += load<Wide>(row + j * kWideLanes);
    }
    for (int j = 0; j < kPanelVectors; ++j)
      if (const long column = panel * kPanel + j * kWideLanes; column < outputs) Rectangle{of_bias.data, outputs}.put(sum[j], 0, column);
  });
}

}  // namespace autoint

AUTOINT_KERNEL(dense_forward)
AUTOINT_KERNEL(dense_backward)

// The columns of a matrix in panels.
extern "C" int64_t dense_panel_columns(int64_t columns) { return autoint::panel_columns(columns); }
