// Rules for the rows of a batch: clipping of their gradients, L2 and weight decay.

#ifndef AUTOINT_JAX_KERNELS_ROW_RULES_H_
#define AUTOINT_JAX_KERNELS_ROW_RULES_H_

#include <algorithm>
#include <cmath>

#include "call.h"

namespace autoint {

// What all optimizers do alike with a row of a batch (`training/tables/row_rules.py`).
struct RowRules {
  float rate, l2, scale, kept;  // learning rate, L2, factor of gradients, what weight decay leaves of a row
  float clip, floor;            // r and z of CowClip

  RowRules(Floats rates, float clip, float floor)
      : rate(rates.data[0]), l2(rates.data[1]), scale(rates.data[2]), kept(rates.data[3]), clip(clip), floor(floor) {}
};

// Clips the gradient of a row that the batch reads `count` times; `squares` are those of its values, summed.
inline void clip_row(float* gradient, float squares, long width, long count, float clip, float floor) {
  float own = 0;
  for (long j = 0; j < width; ++j) own += gradient[j] * gradient[j];
  const float norm = std::sqrt(own);
  const float bound = clip * count * std::max(std::sqrt(squares), clip * std::sqrt(static_cast<float>(width)) * floor);
  if (norm > bound)
    for (long j = 0; j < width; ++j) gradient[j] *= bound / norm;
}

inline bool clips(float clip, long width) { return clip > 0 && width > 1; }

inline float squared(const float* values, long width) {
  float sum = 0;
  for (long j = 0; j < width; ++j) sum += values[j] * values[j];
  return sum;
}

}  // namespace autoint

#endif  // AUTOINT_JAX_KERNELS_ROW_RULES_H_
