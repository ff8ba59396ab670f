// LayerNorm for CPUs: y = (x - mean) / sqrt(variance + epsilon) * scale + offset, [rows][width] -> [rows][width], forward and
// backward. Called by XLA.
//
// Mean and variance are those of a row, which has at least eight floats. Scales and offsets are [groups][width]; row i has those of
// group i modulo groups. All sums have one order, whatever the number of threads.

#include <algorithm>
#include <cmath>
#include <cstring>

#include "call.h"
#include "parallel.h"
#include "vector.h"

namespace autoint {

constexpr long kNormFloats = 1 << 16;  // of the rows of a task, so that few rows do not wait for a second thread

inline long norm_rows_of_task(long width) { return std::max<long>(1, kNormFloats / std::max<long>(1, width)); }
inline long norm_task_count(long rows, long width) { return (rows + norm_rows_of_task(width) - 1) / norm_rows_of_task(width); }

// The vectors of a row. The last one ends with the row, and may repeat floats of the one before.
template <typename V>
struct Vectors {
  typedef int32_t Bits __attribute__((vector_size(sizeof(V))));

  long width;
  Bits own;  // of the last vector: the lanes that no other has

  explicit Vectors(long width) : width(width) {
    int32_t lanes[lanes_of<V>];
    for (long lane = 0; lane < lanes_of<V>; ++lane) lanes[lane] = lane < lanes_of<V> - 1 - (width - 1) % lanes_of<V> ? 0 : -1;
    std::memcpy(&own, lanes, sizeof own);
  }
  // Calls work(i, once) for vectors from float i on; `once` sets lanes to 0 that would be counted twice.
  template <typename Work>
  void each(const Work& work) const {
    for (long i = 0; i + lanes_of<V> < width; i += lanes_of<V>) work(i, [](V v) { return v; });
    work(width - lanes_of<V>, [this](V v) { return (V)((Bits)v & own); });
  }
};

// A row less its mean, times the factor that makes its variance 1.
template <typename V>
struct Normed {
  const float* row;
  float mean, factor;

  Normed(const float* row, const Vectors<V>& vectors, float epsilon) : row(row) {
    V sum{}, squares{};
    vectors.each([&](long i, auto once) { sum += once(load<V>(row + i)); });
    mean = sum_of_lanes(sum) / vectors.width;
    vectors.each([&](long i, auto once) {
      const V one = once(load<V>(row + i) - mean);
      squares += one * one;
    });
    factor = 1.0f / std::sqrt(sum_of_lanes(squares) / vectors.width + epsilon);
  }
  V at(long i) const { return (load<V>(row + i) - mean) * factor; }
};

struct NormShape {
  long rows, width, groups;
  float epsilon;

  long tasks() const { return norm_task_count(rows, width); }
  // Calls work(row, place of its scale) for the rows of a task.
  template <typename Work>
  void rows_of(long task, const Work& work) const {
    const long size = norm_rows_of_task(width);
    for (long row = task * size; row < std::min(rows, (task + 1) * size); ++row) work(row, row % groups * width);
  }
};

template <typename V>
static void norm_rows(const NormShape& shape, long task, const float* x, const float* scale, const float* offset, float* y) {
  const Vectors<V> vectors(shape.width);
  shape.rows_of(task, [&](long row, long group) {
    const Normed<V> normed(x + row * shape.width, vectors, shape.epsilon);
    float* to = y + row * shape.width;
    vectors.each([&](long i, auto) { store(to + i, normed.at(i) * load<V>(scale + group + i) + load<V>(offset + group + i)); });
  });
}

// `sums` [2][groups][width] are the gradients of scale and offset over the rows of the task.
template <typename V>
static void norm_gradients(const NormShape& shape, long task, const float* x, const float* scale, const float* of_y, float* of_x,
                           float* sums) {
  const Vectors<V> vectors(shape.width);
  const long size = shape.groups * shape.width;
  std::fill(sums, sums + 2 * size, 0.0f);
  shape.rows_of(task, [&](long row, long group) {
    const Normed<V> normed(x + row * shape.width, vectors, shape.epsilon);
    const float* g = of_y + row * shape.width;
    float *of_scale = sums + group, *of_offset = of_scale + size, *to = of_x + row * shape.width;
    V sum{}, along{};
    vectors.each([&](long i, auto once) {
      const V one = once(load<V>(g + i)), scaled = one * load<V>(scale + group + i), value = normed.at(i);
      sum += scaled, along += scaled * value;
      store(of_scale + i, load<V>(of_scale + i) + one * value);
      store(of_offset + i, load<V>(of_offset + i) + one);
    });
    const float mean = sum_of_lanes(sum) / shape.width, slope = sum_of_lanes(along) / shape.width;
    vectors.each([&](long i, auto) {
      store(to + i, (load<V>(g + i) * load<V>(scale + group + i) - mean - normed.at(i) * slope) * normed.factor);
    });
  });
}

static bool in_wide_vectors(long width) { return width % kWideLanes == 0; }

static void norm_forward(Call& call) {
  const Floats x = call.floats(), scale = call.floats(), offset = call.floats(), y = call.floats_out();
  const float epsilon = call.real("epsilon");
  if (!call.complete()) return void(call.wrong = true);
  const NormShape shape{x.shape[0], x.shape[1], scale.shape[0], epsilon};
  const auto rows = in_wide_vectors(shape.width) ? norm_rows<Wide> : norm_rows<Vector>;
  parallel_for(call.threads, shape.tasks(), [&](long task) { rows(shape, task, x.data, scale.data, offset.data, y.data); });
}

// `sums` is memory for the gradients of scale and offset of each task.
static void norm_backward(Call& call) {
  const Floats x = call.floats(), scale = call.floats(), of_y = call.floats();
  const Floats of_x = call.floats_out(), of_scale = call.floats_out(), of_offset = call.floats_out(), sums = call.floats_out();
  const float epsilon = call.real("epsilon");
  if (!call.complete()) return void(call.wrong = true);
  const NormShape shape{x.shape[0], x.shape[1], scale.shape[0], epsilon};
  const long size = shape.groups * shape.width;
  const auto rows = in_wide_vectors(shape.width) ? norm_gradients<Wide> : norm_gradients<Vector>;
  parallel_for(call.threads, shape.tasks(), [&](long task) {
    rows(shape, task, x.data, scale.data, of_y.data, of_x.data, sums.data + task * 2 * size);
  });
  std::fill(of_scale.data, of_scale.data + size, 0.0f), std::fill(of_offset.data, of_offset.data + size, 0.0f);
  for (long task = 0; task < shape.tasks(); ++task) {
    const float* from = sums.data + task * 2 * size;
    for (long i = 0; i < size; ++i) of_scale.data[i] += from[i], of_offset.data[i] += from[size + i];
  }
}

}  // namespace autoint

AUTOINT_KERNEL(norm_forward)
AUTOINT_KERNEL(norm_backward)

// The number of parts of the sums over rows.
extern "C" int64_t norm_tasks(int64_t rows, int64_t width) { return autoint::norm_task_count(rows, width); }
