// The closed form of the steps that a row of deferred Adam has missed.

#ifndef AUTOINT_JAX_KERNELS_MISSED_STEPS_H_
#define AUTOINT_JAX_KERNELS_MISSED_STEPS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace autoint {

// What missed steps do, by their number: powers of the decays, computed once for the numbers that are frequent.
struct Powers {
  struct Entry {
    float ratio, weighted, m, nu;
  };
  float b1, b2;
  std::vector<Entry> entries;

  Powers(float b1, float b2) : b1(b1), b2(b2) {
    for (int count = 0; count < 2048; ++count) entries.push_back(computed(count));
  }
  Entry computed(float count) const {
    return {std::exp(count * std::log(b1 / std::sqrt(b2))), std::exp(count * std::log(b1 / b2)), std::exp(count * std::log(b1)),
            std::exp(count * std::log(b2))};
  }
  Entry of(int32_t count) const { return count >= 0 && count < static_cast<int32_t>(entries.size()) ? entries[count] : computed(count); }
};

inline const Powers& powers_of(float b1, float b2) {
  static std::mutex mutex;
  static std::vector<std::unique_ptr<Powers>> known;
  const std::lock_guard<std::mutex> lock(mutex);
  for (const auto& powers : known)
    if (powers->b1 == b1 && powers->b2 == b2) return *powers;
  known.push_back(std::make_unique<Powers>(b1, b2));
  return *known.back();
}

struct Adam {
  const Powers& powers;
  const float *sizes, *epsilons;  // sums over all steps after a step; constant from entry `last_sum` on
  int32_t last_sum;
  float b2, epsilon;

  // Applies to a row the steps that it missed between `last` and `step`: value -= size * m / (sqrt(nu) + epsilon), m *= .., nu *= ..
  struct Missed {
    float size, epsilon, m, nu;
  };
  Missed missed(int32_t last, int32_t step) const {
    const Powers::Entry power = powers.of(step - last);
    const int32_t from = std::min(last, last_sum), to = std::min(step, last_sum);
    const float size = sizes[from] - power.ratio * sizes[to];
    const float mean = (epsilons[from] - power.weighted * epsilons[to]) / (size > 0 ? size : 1.0f);
    return {size, epsilon * std::max(mean, std::sqrt(1 - b2)), power.m, power.nu};
  }
};

}  // namespace autoint

#endif  // AUTOINT_JAX_KERNELS_MISSED_STEPS_H_
