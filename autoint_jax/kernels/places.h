// The places of a batch by the rows of a table that they look up, and loops over distinct rows.

#ifndef AUTOINT_JAX_KERNELS_PLACES_H_
#define AUTOINT_JAX_KERNELS_PLACES_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "parallel.h"

namespace autoint {

constexpr long kTasks = 16;
constexpr long kAhead = 8;  // places between one that is worked on and one whose memory is asked for

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
    constexpr int kBits = 11;
    for (int shift = 0; shift < 32 && (rows - 1) >> shift; shift += kBits) {
      uint32_t starts[(1 << kBits) + 1] = {};
      for (const Place& p : places) ++starts[((p.row >> shift) & ((1 << kBits) - 1)) + 1];
      for (int i = 0; i < 1 << kBits; ++i) starts[i + 1] += starts[i];
      for (const Place& p : places) other[starts[(p.row >> shift) & ((1 << kBits) - 1)]++] = p;
      places.swap(other);
    }
  }
};

// Returns the sorted places of a batch. The last ones are kept: a model may look up several tables by the same numbers.
inline std::shared_ptr<const Sorted> sorted_places(const int32_t* numbers, long count, long table_rows) {
  static std::mutex mutex;
  static std::shared_ptr<Sorted> last, spare;
  std::shared_ptr<Sorted> mine;
  {
    const std::lock_guard<std::mutex> lock(mutex);
    if (last && last->is_of(numbers, count, table_rows)) return last;
    mine = std::move(spare);
  }
  if (!mine) mine = std::make_shared<Sorted>();
  mine->sort(numbers, count, table_rows);
  const std::lock_guard<std::mutex> lock(mutex);
  if (last.use_count() == 1) spare = std::move(last);  // its memory serves the next batch
  return last = mine;
}

// Asks for the memory of a row before it is needed: rows of large tables are in no cache.
inline void prefetch(const float* row, long width) {
  for (long j = 0; j < width; j += 16) __builtin_prefetch(row + j, 1);
}

// Calls work(row, its places, their number) for every distinct row, ranges of rows in parallel; and ahead(place) for a place some
// rows before its row's turn.
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
    for (long at = start(task); at < end;) {
      long next = at + 1;
      while (next < end && sorted[next].row == sorted[at].row) ++next;
      if (next + kAhead < end) ahead(sorted[next + kAhead]);
      work(static_cast<long>(sorted[at].row), &sorted[at], next - at);
      at = next;
    }
  });
}

}  // namespace autoint

#endif  // AUTOINT_JAX_KERNELS_PLACES_H_
