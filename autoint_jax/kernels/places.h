// The places of a batch by the rows of a table that they look up, and loops over distinct rows.

#ifndef AUTOINT_JAX_KERNELS_PLACES_H_
#define AUTOINT_JAX_KERNELS_PLACES_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "parallel.h"
#include "vector.h"

namespace autoint {

constexpr long kTasks = 16;
constexpr long kAhead = 32;  // places between one that is worked on and one whose memory is asked for

struct Place {
  uint32_t row, place;
};

// The places of a batch sorted by row, without rows past the table's end.
struct Sorted {
  std::vector<int32_t> numbers;
  long table_rows = 0;
  std::vector<Place> places, other;

  bool is_of(const int32_t* given, long count, long rows) const {
    return rows == table_rows && count == static_cast<long>(numbers.size()) && std::equal(given, given + count, numbers.data());
  }
  void sort(const int32_t* given, long count, long rows) {
    numbers.assign(given, given + count), table_rows = rows;
    places.clear();
    for (long i = 0; i < count; ++i)
      if (given[i] >= 0 && given[i] < rows) places.push_back({static_cast<uint32_t>(given[i]), static_cast<uint32_t>(i)});
    other.resize(places.size());
    constexpr int kBits = 12;
    for (int shift = 0; shift < 32 && (rows - 1) >> shift; shift += kBits) {
      uint32_t starts[(1 << kBits) + 1] = {};
      for (const Place& p : places) ++starts[((p.row >> shift) & ((1 << kBits) - 1)) + 1];
      for (int i = 0; i < 1 << kBits; ++i) starts[i + 1] += starts[i];
      for (const Place& p : places) other[starts[(p.row >> shift) & ((1 << kBits) - 1)]++] = p;
      places.swap(other);
    }
  }
};

// Returns the sorted places of a batch. Those of the last batches are kept: a step needs them several times, and a model may look up
// several tables by the same numbers.
inline std::shared_ptr<const Sorted> sorted_places(const int32_t* numbers, long count, long table_rows) {
  constexpr size_t kKept = 8;
  static std::mutex mutex;
  static std::vector<std::shared_ptr<Sorted>> kept;  // the newest last
  std::shared_ptr<Sorted> mine;
  {
    const std::lock_guard<std::mutex> lock(mutex);
    for (const auto& known : kept)
      if (known->is_of(numbers, count, table_rows)) return known;
    if (kept.size() == kKept) {
      if (kept.front().use_count() == 1) mine = std::move(kept.front());  // its memory serves this batch
      kept.erase(kept.begin());
    }
  }
  if (!mine) mine = std::make_shared<Sorted>();
  mine->sort(numbers, count, table_rows);
  const std::lock_guard<std::mutex> lock(mutex);
  if (kept.size() == kKept) kept.erase(kept.begin());
  kept.push_back(mine);
  return mine;
}

// Asks for the memory of a row before it is needed: rows of large tables are in no cache.
inline void prefetch(const float* row, long width) {
  for (long j = 0; j < width; j += 16) __builtin_prefetch(row + j, 1);
}

// Copies a row. A call of the library for so few values would take longer than the copy.
inline void copy_row(const float* from, float* to, long width) {
  long j = 0;
  for (; j + kLanes <= width; j += kLanes) store(to + j, hold<Vector>(from + j));
  for (; j < width; ++j) to[j] = from[j];
}

// Calls work(row, its places, their number) for every distinct row, ranges of rows in parallel; and some places earlier
// ahead(place, whether it is the first of its row) for each place.
template <typename Work, typename Ahead>
void each_row(const Threads& threads, const std::vector<Place>& sorted, const Work& work, const Ahead& ahead) {
  const long size = sorted.size();
  auto start = [&](long task) {  // the first place of a task, which is where a new row begins
    long at = size * task / kTasks;
    while (at > 0 && at < size && sorted[at].row == sorted[at - 1].row) ++at;
    return at;
  };
  parallel_for(threads, kTasks, [&](long task) {
    const long end = start(task + 1);
    long asked = start(task);
    for (long at = asked; at < end;) {
      long next = at + 1;
      while (next < end && sorted[next].row == sorted[at].row) ++next;
      for (const long last = std::min(end, next + kAhead); asked < last; ++asked)
        ahead(sorted[asked], asked == 0 || sorted[asked].row != sorted[asked - 1].row);
      work(static_cast<long>(sorted[at].row), &sorted[at], next - at);
      at = next;
    }
  });
}

}  // namespace autoint

#endif  // AUTOINT_JAX_KERNELS_PLACES_H_
