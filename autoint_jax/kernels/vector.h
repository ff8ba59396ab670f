// Vectors of floats, in the compilers' own types.
//
// `Vector` holds eight floats, `Wide` sixteen where the processor has AVX-512, else eight. An example's fields are padded to
// whole `Vector`s, a block's columns to whole `Wide`s: sixteen would pad 39 fields to 48.

#ifndef AUTOINT_JAX_KERNELS_VECTOR_H_
#define AUTOINT_JAX_KERNELS_VECTOR_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace autoint {

typedef float Vector __attribute__((vector_size(32)));
typedef float Quarter __attribute__((vector_size(16)));
#ifdef __AVX512VL__
typedef float Wide __attribute__((vector_size(64)));
#else
typedef Vector Wide;
#endif

template <typename V>
constexpr long lanes_of = sizeof(V) / sizeof(float);
constexpr long kLanes = lanes_of<Vector>, kWideLanes = lanes_of<Wide>;

template <typename V = Vector>
inline V load(const float* p) {
  V v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <typename V>
inline void store(float* p, V v) {
  std::memcpy(p, &v, sizeof v);
}
template <typename V = Vector>
inline V all(float x) {
  return x - V{};
}
// The larger of a and b; b if either is NaN. Processors have one instruction for this, in which the order of the operands
// decides whose NaN is kept.
template <typename V>
inline V larger_or_second(V a, V b) {
  return a > b ? a : b;
}
// The ReLU of a vector; NaN stays NaN.
template <typename V>
inline V rectified(V x) {
  return larger_or_second(V{}, x);
}

// Lanes of `a` followed by those of `b`.
template <int... Lane, typename V>
inline V shuffled(V a, V b) {
#ifdef __clang__
  return __builtin_shufflevector(a, b, Lane...);
#else
  typedef int32_t Lanes __attribute__((vector_size(sizeof(V))));
  return __builtin_shuffle(a, b, Lanes{Lane...});
#endif
}

// Entries of four lanes of `a` (0 to 3) and `b` (4 to 7), the same in every four lanes.
template <int... Entries, typename V, std::size_t... Lane>
inline V by_quarters(V a, V b, std::index_sequence<Lane...>) {
  constexpr int entries[] = {Entries...};
  constexpr int lanes = sizeof...(Lane);
  return shuffled<(Lane / 4 * 4 + entries[Lane % 4] % 4 + entries[Lane % 4] / 4 * lanes)...>(a, b);
}
template <int... Entries, typename V>
inline V by_quarters(V a, V b) {
  return by_quarters<Entries...>(a, b, std::make_index_sequence<lanes_of<V>>());
}

// A value of which the compiler knows nothing.
template <typename V>
inline V opaque(V v) {
#if defined(__AVX512VL__)
  asm("" : "+v"(v));
#elif defined(__AVX2__)
  asm("" : "+x"(v));
#endif
  return v;
}

// The value at `p`, which the compiler must not read from memory again at each use: that would fill the load ports.
template <typename V>
inline V hold(const float* p) {
  return opaque(load<V>(p));
}

// 2^x for x <= 0, relative error below 1e-7: x = n + r, a polynomial in r, times 2^n. NaN stays NaN: a product keeps it, where n added
// to the exponent's bits would turn it into a number.
template <typename V>
inline V power_of_two(V x) {
  typedef int32_t Whole __attribute__((vector_size(sizeof(V))));
  constexpr float kShift = 12582912.0f + 127.0f;  // a sum with it has n + 127, the exponent of 2^n, in its low bits
  x = larger_or_second(opaque(all<V>(-126.0f)), x);  // GCC would not take one instruction to compare with a constant
  const V shifted = x + kShift;
  const V r = x - (shifted - kShift);
  V p = all<V>(1.535336188e-4f);
  p = p * r + 1.339887440e-3f;
  p = p * r + 9.618437358e-3f;
  p = p * r + 5.550332471e-2f;
  p = p * r + 2.402264791e-1f;
  p = p * r + 6.931472028e-1f;
  p = p * r + 1.0f;
  return p * (V)((Whole)shifted << 23);
}

// The sum of all lanes, halves first: one after the other they would wait for each other.
inline float sum_of_lanes(Vector v) {
  Quarter halves[2];
  std::memcpy(halves, &v, sizeof v);
  const Quarter sum = halves[0] + halves[1];
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}
#ifdef __AVX512VL__
inline float sum_of_lanes(Wide v) {
  Vector halves[2];
  std::memcpy(halves, &v, sizeof v);
  return sum_of_lanes(halves[0] + halves[1]);
}
#endif

}  // namespace autoint

#endif  // AUTOINT_JAX_KERNELS_VECTOR_H_
