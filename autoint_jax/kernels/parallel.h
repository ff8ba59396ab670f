// Loops over the threads that the runtime gives to its own operations.

#ifndef AUTOINT_JAX_KERNELS_PARALLEL_H_
#define AUTOINT_JAX_KERNELS_PARALLEL_H_

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "call.h"

namespace autoint {

// Calls work(task) for every task in [0, tasks). The caller works too, so a pool without a free thread cannot block it;
// a thread that comes late finds no task left and touches nothing but the shared counters.
template <typename Work>
void parallel_for(const Threads& threads, long tasks, const Work& work) {
  struct Shared {
    std::atomic<long> next{0}, done{0};
  };
  auto shared = std::make_shared<Shared>();
  auto run = [shared, tasks, &work] {
    for (long task; (task = shared->next.fetch_add(1)) < tasks; shared->done.fetch_add(1)) work(task);
  };
  const long helpers = std::min<long>(threads.count(), tasks) - 1;
  for (long i = 0; i < helpers; ++i) threads.run(run);
  run();
  while (shared->done.load() < tasks) std::this_thread::yield();
}

// Memory of the calling thread that lasts until its next request; it is kept, so that its pages stay mapped.
inline float* scratch(size_t floats) {
  struct alignas(64) Line {  // of cache, so that no vector lies across two
    float values[16];
  };
  static thread_local std::vector<Line> memory;
  if (memory.size() * 16 < floats) memory.resize((floats + 15) / 16);
  return memory.data()->values;
}

}  // namespace autoint

#endif  // AUTOINT_JAX_KERNELS_PARALLEL_H_
