// The factors by which dropout multiplies attention weights, bit for bit as in `models/layers/dropout.py`.

#ifndef AUTOINT_JAX_KERNELS_DROPOUT_H_
#define AUTOINT_JAX_KERNELS_DROPOUT_H_

#include <cstdint>

#include "vector.h"

namespace autoint {

typedef uint32_t UnsignedVector __attribute__((vector_size(sizeof(Vector))));
typedef uint32_t UnsignedWide __attribute__((vector_size(sizeof(Wide))));

template <int First, int Second, int Third, typename V>
inline V mixed(V x, uint32_t one, uint32_t other) {
  x = (x ^ (x >> First)) * one;
  x = (x ^ (x >> Second)) * other;
  return x ^ (x >> Third);
}

// Dropout of the attention weights, or of the hidden values, of a layer.
struct Dropout {
  const uint32_t* words = nullptr;  // [b][n][2], or [b][2]; null if nothing is dropped
  uint32_t least;         // a value is kept if its bits are at least this
  float kept;             // the factor of kept values

  Dropout() = default;
  Dropout(const uint32_t* words, float rate)
      : words(words), least(static_cast<uint32_t>(rate * 4294967296.0f)), kept(1.0f / (1.0f - rate)) {}

  // Returns the factors of query fields f to f + 7 and key g; `own` are the words of an example and head.
  Vector factors(const uint32_t* own, long fields, long f, long g) const {
    const UnsignedVector lane = {0, 1, 2, 3, 4, 5, 6, 7};
    const UnsignedVector place = (lane + static_cast<uint32_t>(f)) * static_cast<uint32_t>(fields) + static_cast<uint32_t>(g);
    const UnsignedVector bits = mixed<16, 13, 16>(place * 0x9E3779B9u + own[0], 0x85EBCA6Bu, 0xC2B2AE35u);
    return mixed<16, 15, 16>(bits ^ own[1], 0x7FEB352Du, 0x846CA68Bu) >= least ? all(kept) : Vector{};
  }

  // Returns the factors of a row's values from place `first` on; `own` are the words of the row.
  Wide factors_of_row(const uint32_t* own, long first) const {
    UnsignedWide place;
    for (long i = 0; i < kWideLanes; ++i) place[i] = static_cast<uint32_t>(first + i);
    const UnsignedWide bits = mixed<16, 13, 16>(place * 0x9E3779B9u + own[0], 0x85EBCA6Bu, 0xC2B2AE35u);
    return mixed<16, 15, 16>(bits ^ own[1], 0x7FEB352Du, 0x846CA68Bu) >= least ? all<Wide>(kept) : Wide{};
  }
};

}  // namespace autoint

#endif  // AUTOINT_JAX_KERNELS_DROPOUT_H_
