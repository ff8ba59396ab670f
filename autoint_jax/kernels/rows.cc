// Deferred Adam, lazy Adam and row-wise Adagrad on the rows of a batch, in place, for CPUs (`training/tables/deferred_adam.py`,
// `lazy_adam.py` and `table_optimizers.py` say what they compute).
//
// Rows of one number are found by a stable radix sort, so their gradients are added in the batch's order: the result does
// not depend on the number of threads.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "parallel.h"

namespace autoint {
namespace ffi = xla::ffi;
using Floats = ffi::Buffer<ffi::F32>;
using Integers = ffi::Buffer<ffi::S32>;

constexpr long kTasks = 16;

struct Place {
  uint32_t row, place;
};

// The places of a batch sorted by row, those past the table's end left out.
static std::vector<Place>& sorted_places(const int32_t* numbers, long count, long table_rows) {
  static thread_local std::vector<Place> sorted, other;
  sorted.clear();
  for (long i = 0; i < count; ++i)
    if (numbers[i] >= 0 && numbers[i] < table_rows)
      sorted.push_back({static_cast<uint32_t>(numbers[i]), static_cast<uint32_t>(i)});
  other.resize(sorted.size());
  constexpr int kBits = 11;
  for (int shift = 0; shift < 32 && (table_rows - 1) >> shift; shift += kBits) {
    uint32_t starts[(1 << kBits) + 1] = {};
    for (const Place& p : sorted) ++starts[((p.row >> shift) & ((1 << kBits) - 1)) + 1];
    for (int i = 0; i < 1 << kBits; ++i) starts[i + 1] += starts[i];
    for (const Place& p : sorted) other[starts[(p.row >> shift) & ((1 << kBits) - 1)]++] = p;
    sorted.swap(other);
  }
  return sorted;
}

// Calls work(row, its places, their number) for every distinct row, ranges of rows in parallel.
template <typename Work>
static void each_row(ffi::ThreadPool& pool, const std::vector<Place>& sorted, const Work& work) {
  const long size = sorted.size();
  auto start = [&](long task) {  // of a task: where a new row begins
    long at = size * task / kTasks;
    while (at > 0 && at < size && sorted[at].row == sorted[at - 1].row) ++at;
    return at;
  };
  parallel_for(pool, kTasks, [&](long task) {
    const long end = start(task + 1);
    for (long at = start(task); at < end;) {
      long next = at + 1;
      while (next < end && sorted[next].row == sorted[at].row) ++next;
      work(static_cast<long>(sorted[at].row), &sorted[at], next - at);
      at = next;
    }
  });
}

static void sum_gradients(const float* gradients, const Place* places, long count, long width, float* sum) {
  const float* first = gradients + places[0].place * width;
  std::copy(first, first + width, sum);
  for (long i = 1; i < count; ++i) {
    const float* more = gradients + places[i].place * width;
    for (long j = 0; j < width; ++j) sum[j] += more[j];
  }
}

struct Adam {
  const float *sizes, *epsilons;  // sums over all steps after a step; constant from entry `last_sum` on
  int32_t last_sum;
  float b1, b2, epsilon;

  // What the steps missed between `last` and `step` do to a row: value -= size * m / (sqrt(nu) + epsilon), m *= .., nu *= ..
  struct Missed {
    float size, epsilon, m, nu;
  };
  Missed missed(int32_t last, int32_t step) const {
    const float count = step - last;
    const float ratio = std::exp(count * std::log(b1 / std::sqrt(b2))), weighted = std::exp(count * std::log(b1 / b2));
    const int32_t from = std::min(last, last_sum), to = std::min(step, last_sum);
    const float size = sizes[from] - ratio * sizes[to];
    const float mean = (epsilons[from] - weighted * epsilons[to]) / (size > 0 ? size : 1.0f);
    return {size, epsilon * std::max(mean, std::sqrt(1 - b2)), std::exp(count * std::log(b1)), std::exp(count * std::log(b2))};
  }
};

static Adam adam_of(Floats sizes, Floats epsilons, float b1, float b2, float epsilon) {
  return {sizes.typed_data(), epsilons.typed_data(), static_cast<int32_t>(sizes.dimensions()[0] - 1), b1, b2, epsilon};
}

static ffi::Error deferred_adam_read(ffi::ThreadPool pool, Floats table, Floats m, Floats nu, Integers last, Integers numbers,
                                     Integers step, Floats sizes, Floats epsilons, ffi::Result<Floats> rows, float b1, float b2,
                                     float epsilon) {
  const Adam adam = adam_of(sizes, epsilons, b1, b2, epsilon);
  const long table_rows = table.dimensions()[0], width = table.dimensions()[1], count = numbers.dimensions()[0];
  const int32_t now = step.typed_data()[0];
  parallel_for(pool, kTasks, [&](long task) {
    for (long i = count * task / kTasks; i < count * (task + 1) / kTasks; ++i) {
      const long row = std::clamp<long>(numbers.typed_data()[i], 0, table_rows - 1);
      const float* values = table.typed_data() + row * width;
      float* out = rows->typed_data() + i * width;
      const int32_t before = last.typed_data()[row];
      if (before == now) {
        std::copy(values, values + width, out);
        continue;
      }
      const Adam::Missed missed = adam.missed(before, now);
      const float *first = m.typed_data() + row * width, *second = nu.typed_data() + row * width;
      for (long j = 0; j < width; ++j) out[j] = values[j] - missed.size * first[j] / (std::sqrt(second[j]) + missed.epsilon);
    }
  });
  return ffi::Error::Success();
}

// The results are the arguments' own memory.
static ffi::Error deferred_adam_update(ffi::ThreadPool pool, Floats, Floats, Floats, Integers, Integers numbers, Floats gradients,
                                       Integers step, Floats rates, Floats sizes, Floats epsilons,
                                       ffi::Result<Floats> table, ffi::Result<Floats> m, ffi::Result<Floats> nu,
                                       ffi::Result<Integers> last, float b1, float b2, float epsilon) {
  const Adam adam = adam_of(sizes, epsilons, b1, b2, epsilon);
  const long width = table->dimensions()[1];
  const int32_t now = step.typed_data()[0];
  const float count = now + 1, rate = rates.typed_data()[0], l2_rows = rates.typed_data()[1];
  const float correction = 1 / (1 - std::pow(b1, count)), correction2 = 1 / (1 - std::pow(b2, count));
  const auto& sorted = sorted_places(numbers.typed_data(), numbers.dimensions()[0], table->dimensions()[0]);
  each_row(pool, sorted, [&](long row, const Place* places, long repeats) {
    float* gradient = scratch(width);
    sum_gradients(gradients.typed_data(), places, repeats, width, gradient);
    float *values = table->typed_data() + row * width, *first = m->typed_data() + row * width, *second = nu->typed_data() + row * width;
    int32_t& before = last->typed_data()[row];
    const Adam::Missed missed = before == now ? Adam::Missed{0, epsilon, 1, 1} : adam.missed(before, now);
    for (long j = 0; j < width; ++j) {
      const float value = values[j] - missed.size * first[j] / (std::sqrt(second[j]) + missed.epsilon);
      const float g = gradient[j] + l2_rows * value;
      first[j] = b1 * (first[j] * missed.m) + (1 - b1) * g;
      second[j] = b2 * (second[j] * missed.nu) + (1 - b2) * g * g;
      values[j] = value - rate * (first[j] * correction) / (std::sqrt(second[j] * correction2) + epsilon);
    }
    before = now + 1;
  });
  return ffi::Error::Success();
}

// Every row as of `step`, in the arguments' own memory.
static ffi::Error deferred_adam_flush(ffi::ThreadPool pool, Floats, Floats, Floats, Integers, Integers step, Floats sizes,
                                      Floats epsilons, ffi::Result<Floats> table, ffi::Result<Floats> m, ffi::Result<Floats> nu,
                                      ffi::Result<Integers> last, float b1, float b2, float epsilon) {
  const Adam adam = adam_of(sizes, epsilons, b1, b2, epsilon);
  const long rows = table->dimensions()[0], width = table->dimensions()[1];
  const int32_t now = step.typed_data()[0];
  parallel_for(pool, kTasks, [&](long task) {
    for (long row = rows * task / kTasks; row < rows * (task + 1) / kTasks; ++row) {
      int32_t& before = last->typed_data()[row];
      if (before == now) continue;
      const Adam::Missed missed = adam.missed(before, now);
      float *values = table->typed_data() + row * width, *first = m->typed_data() + row * width, *second = nu->typed_data() + row * width;
      for (long j = 0; j < width; ++j) {
        values[j] -= missed.size * first[j] / (std::sqrt(second[j]) + missed.epsilon);
        first[j] *= missed.m;
        second[j] *= missed.nu;
      }
      before = now;
    }
  });
  return ffi::Error::Success();
}

static ffi::Error lazy_adam_update(ffi::ThreadPool pool, Floats, Floats, Floats, Integers numbers, Floats gradients,
                                   Integers step, Floats rates, ffi::Result<Floats> table, ffi::Result<Floats> m,
                                   ffi::Result<Floats> nu, float b1, float b2, float epsilon) {
  const long width = table->dimensions()[1];
  const float count = step.typed_data()[0] + 1, rate = rates.typed_data()[0], l2_rows = rates.typed_data()[1];
  const float correction = 1 / (1 - std::pow(b1, count)), correction2 = 1 / (1 - std::pow(b2, count));
  const auto& sorted = sorted_places(numbers.typed_data(), numbers.dimensions()[0], table->dimensions()[0]);
  each_row(pool, sorted, [&](long row, const Place* places, long repeats) {
    float* gradient = scratch(width);
    sum_gradients(gradients.typed_data(), places, repeats, width, gradient);
    float *values = table->typed_data() + row * width, *first = m->typed_data() + row * width;
    float* second = nu->typed_data() + row * width;
    for (long j = 0; j < width; ++j) {
      const float g = gradient[j] + l2_rows * values[j];
      first[j] = b1 * first[j] + (1 - b1) * g;
      second[j] = b2 * second[j] + (1 - b2) * g * g;
      values[j] -= rate * (first[j] * correction) / (std::sqrt(second[j] * correction2) + epsilon);
    }
  });
  return ffi::Error::Success();
}

static ffi::Error rowwise_adagrad_update(ffi::ThreadPool pool, Floats, Floats, Integers numbers, Floats gradients,
                                         Floats rates, ffi::Result<Floats> table, ffi::Result<Floats> accumulator,
                                         float epsilon) {
  const long width = table->dimensions()[1];
  const float rate = rates.typed_data()[0], l2_rows = rates.typed_data()[1];
  const auto& sorted = sorted_places(numbers.typed_data(), numbers.dimensions()[0], table->dimensions()[0]);
  each_row(pool, sorted, [&](long row, const Place* places, long repeats) {
    float* gradient = scratch(width);
    sum_gradients(gradients.typed_data(), places, repeats, width, gradient);
    float *values = table->typed_data() + row * width, squares = 0;
    for (long j = 0; j < width; ++j) {
      gradient[j] += l2_rows * values[j];
      squares += gradient[j] * gradient[j];
    }
    float& accumulated = accumulator->typed_data()[row];
    accumulated += squares / width;
    const float scale = rate / (std::sqrt(accumulated) + epsilon);
    for (long j = 0; j < width; ++j) values[j] -= scale * gradient[j];
  });
  return ffi::Error::Success();
}

}  // namespace autoint

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    deferred_adam_read, autoint::deferred_adam_read,
    xla::ffi::Ffi::Bind().Ctx<xla::ffi::ThreadPool>().Arg<autoint::Floats>().Arg<autoint::Floats>().Arg<autoint::Floats>()
        .Arg<autoint::Integers>().Arg<autoint::Integers>().Arg<autoint::Integers>().Arg<autoint::Floats>()
        .Arg<autoint::Floats>().Ret<autoint::Floats>().Attr<float>("b1").Attr<float>("b2").Attr<float>("epsilon"));
XLA_FFI_DEFINE_HANDLER_SYMBOL(
    deferred_adam_update, autoint::deferred_adam_update,
    xla::ffi::Ffi::Bind().Ctx<xla::ffi::ThreadPool>().Arg<autoint::Floats>().Arg<autoint::Floats>().Arg<autoint::Floats>()
        .Arg<autoint::Integers>().Arg<autoint::Integers>().Arg<autoint::Floats>().Arg<autoint::Integers>()
        .Arg<autoint::Floats>().Arg<autoint::Floats>().Arg<autoint::Floats>().Ret<autoint::Floats>().Ret<autoint::Floats>()
        .Ret<autoint::Floats>().Ret<autoint::Integers>().Attr<float>("b1").Attr<float>("b2").Attr<float>("epsilon"));
XLA_FFI_DEFINE_HANDLER_SYMBOL(
    deferred_adam_flush, autoint::deferred_adam_flush,
    xla::ffi::Ffi::Bind().Ctx<xla::ffi::ThreadPool>().Arg<autoint::Floats>().Arg<autoint::Floats>().Arg<autoint::Floats>()
        .Arg<autoint::Integers>().Arg<autoint::Integers>().Arg<autoint::Floats>().Arg<autoint::Floats>()
        .Ret<autoint::Floats>().Ret<autoint::Floats>().Ret<autoint::Floats>().Ret<autoint::Integers>().Attr<float>("b1")
        .Attr<float>("b2").Attr<float>("epsilon"));
XLA_FFI_DEFINE_HANDLER_SYMBOL(
    lazy_adam_update, autoint::lazy_adam_update,
    xla::ffi::Ffi::Bind().Ctx<xla::ffi::ThreadPool>().Arg<autoint::Floats>().Arg<autoint::Floats>().Arg<autoint::Floats>()
        .Arg<autoint::Integers>().Arg<autoint::Floats>().Arg<autoint::Integers>().Arg<autoint::Floats>().Ret<autoint::Floats>()
        .Ret<autoint::Floats>().Ret<autoint::Floats>().Attr<float>("b1").Attr<float>("b2").Attr<float>("epsilon"));
XLA_FFI_DEFINE_HANDLER_SYMBOL(
    rowwise_adagrad_update, autoint::rowwise_adagrad_update,
    xla::ffi::Ffi::Bind().Ctx<xla::ffi::ThreadPool>().Arg<autoint::Floats>().Arg<autoint::Floats>().Arg<autoint::Integers>()
        .Arg<autoint::Floats>().Arg<autoint::Floats>().Ret<autoint::Floats>().Ret<autoint::Floats>().Attr<float>("epsilon"));
