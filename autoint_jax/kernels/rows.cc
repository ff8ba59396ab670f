// Deferred Adam, lazy Adam and row-wise Adagrad on the rows of a batch, in place, for CPUs (`training/tables/deferred_adam.py`,
// `lazy_adam.py` and `optimizer.py` say what they compute).
//
// Rows of one number are found by a stable radix sort, so their gradients are added in the batch's order: the result does
// not depend on the number of threads.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "call.h"
#include "missed_steps.h"
#include "parallel.h"
#include "places.h"
#include "row_rules.h"

namespace autoint {

// Sums `Vectors` vectors of columns of the gradients of a row's places, in their order; the sums stay in registers.
template <int Vectors>
static void sum_columns(const float* gradients, const Place* places, long count, long width, float* sum) {
  Vector total[Vectors];
  for (int v = 0; v < Vectors; ++v) total[v] = load(gradients + places[0].place * width + v * kLanes);
  for (long i = 1; i < count; ++i)
    for (int v = 0; v < Vectors; ++v) total[v] += load(gradients + places[i].place * width + v * kLanes);
  for (int v = 0; v < Vectors; ++v) store(sum + v * kLanes, total[v]);
}

static void sum_gradients(const float* gradients, const Place* places, long count, long width, float* sum) {
  long j = 0;
  for (; j + 2 * kLanes <= width; j += 2 * kLanes) sum_columns<2>(gradients + j, places, count, width, sum + j);
  for (; j + kLanes <= width; j += kLanes) sum_columns<1>(gradients + j, places, count, width, sum + j);
  for (; j < width; ++j) {
    sum[j] = gradients[places[0].place * width + j];
    for (long i = 1; i < count; ++i) sum[j] += gradients[places[i].place * width + j];
  }
}

static Adam adam_of(Floats sizes, Floats epsilons, float b1, float b2, float epsilon) {
  return {powers_of(b1, b2), sizes.data, epsilons.data, static_cast<int32_t>(sizes.shape[0] - 1), b2, epsilon};
}

static void deferred_adam_read(Call& call) {
  const Floats table = call.floats(), m = call.floats(), nu = call.floats();
  const Integers last = call.integers(), numbers = call.integers(), step = call.integers();
  const Floats sizes = call.floats(), epsilons = call.floats();
  const Floats rows = call.floats_out();
  const float b1 = call.real("b1"), b2 = call.real("b2"), epsilon = call.real("epsilon");
  if (!call.complete()) return void(call.wrong = true);
  const Adam adam = adam_of(sizes, epsilons, b1, b2, epsilon);
  const long table_rows = table.shape[0], width = table.shape[1], count = numbers.shape[0];
  const int32_t now = step.data[0];
  // One task sorts the places, which the update needs, while the others read.
  parallel_for(call.threads, kTasks + 1, [&](long turn) {
    if (turn == 0) return void(sorted_places(numbers.data, count, table_rows));
    const long task = turn - 1;
    for (long i = count * task / kTasks; i < count * (task + 1) / kTasks; ++i) {
      const long row = std::clamp<long>(numbers.data[i], 0, table_rows - 1);
      const long ahead = std::clamp<long>(numbers.data[std::min(i + kAhead, count - 1)], 0, table_rows - 1), later = ahead * width;
      __builtin_prefetch(last.data + ahead);
      prefetch(table.data + later, width), prefetch(m.data + later, width), prefetch(nu.data + later, width);
      const float* __restrict values = table.data + row * width;
      float* __restrict out = rows.data + i * width;
      const int32_t before = last.data[row];
      if (before == now) {
        copy_row(values, out, width);
        continue;
      }
      const Adam::Missed missed = adam.missed(before, now);
      const float *__restrict first = m.data + row * width, *__restrict second = nu.data + row * width;
      for (long j = 0; j < width; ++j) out[j] = values[j] - missed.size * first[j] / (std::sqrt(second[j]) + missed.epsilon);
    }
  });
}

// The results are the arguments' own memory.
static void deferred_adam_update(Call& call) {
  call.floats(), call.floats(), call.floats(), call.integers();  // the results, in whose memory they lie
  const Integers numbers = call.integers();
  const Floats gradients = call.floats();
  const Integers step = call.integers();
  const Floats rates = call.floats(), sizes = call.floats(), epsilons = call.floats();
  const Floats table = call.floats_out(), m = call.floats_out(), nu = call.floats_out();
  const Integers last = call.integers_out();
  const float b1 = call.real("b1"), b2 = call.real("b2"), epsilon = call.real("epsilon");
  const float clip = call.real("clip"), floor = call.real("clip_floor");
  if (!call.complete()) return void(call.wrong = true);
  const Adam adam = adam_of(sizes, epsilons, b1, b2, epsilon);
  const long width = table.shape[1];
  const int32_t now = step.data[0];
  const float count = now + 1;
  const RowRules rules(rates, clip, floor);
  const float correction = 1 / (1 - std::pow(b1, count)), correction2 = 1 / (1 - std::pow(b2, count));
  const auto sorted = sorted_places(numbers.data, numbers.shape[0], table.shape[0]);
  each_row(call.threads, sorted->places, [&](long row, const Place* places, long repeats) {
    float* __restrict gradient = scratch(width);
    sum_gradients(gradients.data, places, repeats, width, gradient);
    float *__restrict values = table.data + row * width, *__restrict first = m.data + row * width;
    float* __restrict second = nu.data + row * width;
    int32_t& before = last.data[row];
    const Adam::Missed missed = before == now ? Adam::Missed{0, epsilon, 1, 1} : adam.missed(before, now);
    if (clips(clip, width)) {
      float squares = 0;
      for (long j = 0; j < width; ++j) {
        const float value = values[j] - missed.size * first[j] / (std::sqrt(second[j]) + missed.epsilon);
        squares += value * value;
      }
      clip_row(gradient, squares, width, repeats, clip, floor);
    }
    for (long j = 0; j < width; ++j) {
      const float value = values[j] - missed.size * first[j] / (std::sqrt(second[j]) + missed.epsilon);
      const float g = rules.scale * (gradient[j] + rules.l2 * value);
      first[j] = b1 * (first[j] * missed.m) + (1 - b1) * g;
      second[j] = b2 * (second[j] * missed.nu) + (1 - b2) * g * g;
      values[j] = value * rules.kept - rules.rate * (first[j] * correction) / (std::sqrt(second[j] * correction2) + epsilon);
    }
    before = now + 1;
  }, [&](Place place, bool first_of_row) {
    const long row = place.row * width;
    prefetch(gradients.data + place.place * width, width);
    if (!first_of_row) return;
    __builtin_prefetch(last.data + place.row, 1);
    prefetch(table.data + row, width), prefetch(m.data + row, width), prefetch(nu.data + row, width);
  });
}

// Brings every row up to date with `step`, in the arguments' own memory.
static void deferred_adam_flush(Call& call) {
  call.floats(), call.floats(), call.floats(), call.integers();  // the results, in whose memory they lie
  const Integers step = call.integers();
  const Floats sizes = call.floats(), epsilons = call.floats();
  const Floats table = call.floats_out(), m = call.floats_out(), nu = call.floats_out();
  const Integers last = call.integers_out();
  const float b1 = call.real("b1"), b2 = call.real("b2"), epsilon = call.real("epsilon");
  if (!call.complete()) return void(call.wrong = true);
  const Adam adam = adam_of(sizes, epsilons, b1, b2, epsilon);
  const long rows = table.shape[0], width = table.shape[1];
  const int32_t now = step.data[0];
  parallel_for(call.threads, kTasks, [&](long task) {
    for (long row = rows * task / kTasks; row < rows * (task + 1) / kTasks; ++row) {
      int32_t& before = last.data[row];
      if (before == now) continue;
      const Adam::Missed missed = adam.missed(before, now);
      float *values = table.data + row * width, *first = m.data + row * width, *second = nu.data + row * width;
      for (long j = 0; j < width; ++j) {
        values[j] -= missed.size * first[j] / (std::sqrt(second[j]) + missed.epsilon);
        first[j] *= missed.m;
        second[j] *= missed.nu;
      }
      before = now;
    }
  });
}

static void lazy_adam_update(Call& call) {
  call.floats(), call.floats(), call.floats();  // the results, in whose memory they lie
  const Integers numbers = call.integers();
  const Floats gradients = call.floats();
  const Integers step = call.integers();
  const Floats rates = call.floats(), table = call.floats_out(), m = call.floats_out(), nu = call.floats_out();
  const float b1 = call.real("b1"), b2 = call.real("b2"), epsilon = call.real("epsilon");
  const float clip = call.real("clip"), floor = call.real("clip_floor");
  if (!call.complete()) return void(call.wrong = true);
  const long width = table.shape[1];
  const float count = step.data[0] + 1;
  const RowRules rules(rates, clip, floor);
  const float correction = 1 / (1 - std::pow(b1, count)), correction2 = 1 / (1 - std::pow(b2, count));
  const auto sorted = sorted_places(numbers.data, numbers.shape[0], table.shape[0]);
  each_row(call.threads, sorted->places, [&](long row, const Place* places, long repeats) {
    float* __restrict gradient = scratch(width);
    sum_gradients(gradients.data, places, repeats, width, gradient);
    float *__restrict values = table.data + row * width, *__restrict first = m.data + row * width;
    float* __restrict second = nu.data + row * width;
    if (clips(clip, width)) clip_row(gradient, squared(values, width), width, repeats, clip, floor);
    for (long j = 0; j < width; ++j) {
      const float g = rules.scale * (gradient[j] + rules.l2 * values[j]);
      first[j] = b1 * first[j] + (1 - b1) * g;
      second[j] = b2 * second[j] + (1 - b2) * g * g;
      values[j] = values[j] * rules.kept - rules.rate * (first[j] * correction) / (std::sqrt(second[j] * correction2) + epsilon);
    }
  }, [&](Place place, bool first_of_row) {
    const long row = place.row * width;
    prefetch(gradients.data + place.place * width, width);
    if (!first_of_row) return;
    prefetch(table.data + row, width), prefetch(m.data + row, width), prefetch(nu.data + row, width);
  });
}

static void rowwise_adagrad_update(Call& call) {
  call.floats(), call.floats();  // the results, in whose memory they lie
  const Integers numbers = call.integers();
  const Floats gradients = call.floats(), rates = call.floats(), table = call.floats_out(), accumulator = call.floats_out();
  const float epsilon = call.real("epsilon"), clip = call.real("clip"), floor = call.real("clip_floor");
  if (!call.complete()) return void(call.wrong = true);
  const long width = table.shape[1];
  const RowRules rules(rates, clip, floor);
  const auto sorted = sorted_places(numbers.data, numbers.shape[0], table.shape[0]);
  each_row(call.threads, sorted->places, [&](long row, const Place* places, long repeats) {
    float* gradient = scratch(width);
    sum_gradients(gradients.data, places, repeats, width, gradient);
    float *values = table.data + row * width, squares = 0;
    if (clips(clip, width)) clip_row(gradient, squared(values, width), width, repeats, clip, floor);
    for (long j = 0; j < width; ++j) {
      gradient[j] = rules.scale * (gradient[j] + rules.l2 * values[j]);
      squares += gradient[j] * gradient[j];
    }
    float& accumulated = accumulator.data[row];
    accumulated += squares / width;
    const float scale = rules.rate / (std::sqrt(accumulated) + epsilon);
    if (rules.kept != 1)  // apart, so that the compiler fuses the next line as it does without decay
      for (long j = 0; j < width; ++j) values[j] *= rules.kept;
    for (long j = 0; j < width; ++j) values[j] -= scale * gradient[j];
  }, [&](Place place, bool first_of_row) {
    prefetch(gradients.data + place.place * width, width);
    if (first_of_row) prefetch(table.data + place.row * width, width);
  });
}

// The sum of the squares of the gradients by which rows of a batch are moved. Rows are added in their order, so the result does
// not depend on the number of threads.
static void squared_gradients(Call& call) {
  const Integers numbers = call.integers();
  const Floats gradients = call.floats(), rows = call.floats(), l2 = call.floats(), sum = call.floats_out();
  const long table_rows = call.whole("table_rows");
  const float clip = call.real("clip"), floor = call.real("clip_floor"), weight = call.wrong ? 0 : l2.data[0];
  if (!call.complete()) return void(call.wrong = true);
  const long width = gradients.shape[1];
  const bool read = rows.shape[0] > 0;  // the values of the rows, which only some rules need
  const auto sorted = sorted_places(numbers.data, numbers.shape[0], table_rows);
  std::vector<float> squares(sorted->places.size());
  each_row(call.threads, sorted->places, [&](long, const Place* places, long repeats) {
    float* gradient = scratch(width);
    sum_gradients(gradients.data, places, repeats, width, gradient);
    if (read) {
      const float* values = rows.data + places[0].place * width;
      if (clips(clip, width)) clip_row(gradient, squared(values, width), width, repeats, clip, floor);
      for (long j = 0; j < width; ++j) gradient[j] += weight * values[j];
    }
    squares[places - sorted->places.data()] = squared(gradient, width);
  }, [&](Place place, bool) { prefetch(gradients.data + place.place * width, width); });
  double total = 0;
  for (const float square : squares) total += square;
  sum.data[0] = static_cast<float>(total);
}

}  // namespace autoint

AUTOINT_KERNEL(deferred_adam_read)
AUTOINT_KERNEL(deferred_adam_update)
AUTOINT_KERNEL(deferred_adam_flush)
AUTOINT_KERNEL(lazy_adam_update)
AUTOINT_KERNEL(rowwise_adagrad_update)
AUTOINT_KERNEL(squared_gradients)
