// Small matrix products whose operands stay in the first- and second-level cache, in vectors of eight floats.
//
// Everything here is "columns last": a matrix is [rows][columns] with the columns (examples and fields) contiguous and a
// multiple of eight. Scalars of the left operand are broadcast, so it may have any strides; nothing has to be transposed.

#ifndef AUTOINT_JAX_KERNELS_TILE_H_
#define AUTOINT_JAX_KERNELS_TILE_H_

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace autoint {

constexpr long kLanes = 8;
typedef float Vector __attribute__((vector_size(32)));
typedef int32_t IntVector __attribute__((vector_size(32)));

inline Vector load(const float* p) {
  Vector v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, Vector v) { std::memcpy(p, &v, sizeof v); }
inline Vector all(float x) { return Vector{x, x, x, x, x, x, x, x}; }
inline Vector larger(Vector a, Vector b) { return a > b ? a : b; }

// Keeps the compiler from reading a value from memory again at each of its uses, which would fill the load ports.
inline __attribute__((always_inline)) void hold(Vector& v) {
#if defined(__AVX512VL__)
  asm("" : "+v"(v));
#elif defined(__AVX2__)
  asm("" : "+x"(v));
#endif
}

// exp(x) for x <= 0, relative error below 2e-7: x = n ln 2 + r, a polynomial in r, n added to the exponent.
inline Vector exponential(Vector x) {
  x = larger(x, all(-87.0f));
  const Vector shifted = x * 1.44269504f + 12582912.0f;  // rounds to an integer in the low bits
  const Vector n = shifted - 12582912.0f;
  const Vector r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Vector p = all(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  return (Vector)((IntVector)p + ((IntVector)shifted << 23));
}

// Accumulators that fit the registers, by vectors of columns.
#ifdef __AVX512VL__
constexpr int kTileRows[6] = {0, 8, 8, 8, 4, 4};
constexpr int kInnerRows = 4;
#else
constexpr int kTileRows[6] = {0, 8, 4, 4, 2, 2};
constexpr int kInnerRows = 2;
#endif

// c[i][:] = sum_k a[i * row_step + k * inner_step] * b[k][:] for `Rows` rows and 8 * `Vectors` columns.
template <int Rows, int Vectors>
inline __attribute__((always_inline)) void tile(const float* a, long row_step, long inner_step, const float* b, long b_step,
                                                float* c, long c_step, long inner) {
  Vector sum[Rows][Vectors] = {};
  for (long k = 0; k < inner; ++k) {
    Vector right[Vectors];
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) hold(right[j] = load(b + k * b_step + j * kLanes));
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
      const Vector left = all(a[i * row_step + k * inner_step]);
#pragma GCC unroll 8
      for (int j = 0; j < Vectors; ++j) sum[i][j] += left * right[j];
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) store(c + i * c_step + j * kLanes, sum[i][j]);
}

template <int Vectors>
void column_tile(const float* a, long row_step, long inner_step, const float* b, long b_step, float* c, long c_step,
                 long rows, long inner) {
  constexpr int kRows = kTileRows[Vectors];
  long i = 0;
  for (; i + kRows <= rows; i += kRows)
    tile<kRows, Vectors>(a + i * row_step, row_step, inner_step, b, b_step, c + i * c_step, c_step, inner);
  if (kRows > 4 && i + 4 <= rows) {
    tile<4, Vectors>(a + i * row_step, row_step, inner_step, b, b_step, c + i * c_step, c_step, inner);
    i += 4;
  }
  if (kRows > 2 && i + 2 <= rows) {
    tile<2, Vectors>(a + i * row_step, row_step, inner_step, b, b_step, c + i * c_step, c_step, inner);
    i += 2;
  }
  if (i < rows) tile<1, Vectors>(a + i * row_step, row_step, inner_step, b, b_step, c + i * c_step, c_step, inner);
}

// c [rows][columns] = a [rows][inner] times b [inner][columns]; `a` has any strides, columns is a multiple of eight.
inline void product(const float* a, long row_step, long inner_step, const float* b, long b_step, float* c, long c_step,
                    long rows, long inner, long columns) {
  for (long left = columns / kLanes; left > 0;) {
    const long take = left % 5 == 0 ? 5 : left >= 8 || left == 7 ? 4 : left == 6 ? 3 : left;
    switch (take) {
      case 1: column_tile<1>(a, row_step, inner_step, b, b_step, c, c_step, rows, inner); break;
      case 2: column_tile<2>(a, row_step, inner_step, b, b_step, c, c_step, rows, inner); break;
      case 3: column_tile<3>(a, row_step, inner_step, b, b_step, c, c_step, rows, inner); break;
      case 4: column_tile<4>(a, row_step, inner_step, b, b_step, c, c_step, rows, inner); break;
      default: column_tile<5>(a, row_step, inner_step, b, b_step, c, c_step, rows, inner);
    }
    b += take * kLanes;
    c += take * kLanes;
    left -= take;
  }
}

inline float sum_of_lanes(Vector v) {
  float total = 0;
  for (int i = 0; i < kLanes; ++i) total += v[i];
  return total;
}

// c[i][j] += sum over columns of a[i][:] * b[j][:] for `Rows` x `Others` entries.
template <int Rows, int Others>
inline __attribute__((always_inline)) void inner_tile(const float* a, const float* b, long step, long columns, float* c,
                                                      long c_step) {
  Vector sum[Rows][Others] = {};
  for (long k = 0; k < columns; k += kLanes) {
    Vector right[Others];
#pragma GCC unroll 8
    for (int j = 0; j < Others; ++j) hold(right[j] = load(b + j * step + k));
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
      Vector left;
      hold(left = load(a + i * step + k));
#pragma GCC unroll 8
      for (int j = 0; j < Others; ++j) sum[i][j] += left * right[j];
    }
  }
  for (int i = 0; i < Rows; ++i) {
    if constexpr (Others == 4) {  // four sums of lanes at once
      typedef float Quarter __attribute__((vector_size(16)));
      const Vector *s = sum[i];
      const Vector t = __builtin_shuffle(s[0], s[1], IntVector{0, 8, 1, 9, 4, 12, 5, 13}) +
                       __builtin_shuffle(s[0], s[1], IntVector{2, 10, 3, 11, 6, 14, 7, 15});
      const Vector u = __builtin_shuffle(s[2], s[3], IntVector{0, 8, 1, 9, 4, 12, 5, 13}) +
                       __builtin_shuffle(s[2], s[3], IntVector{2, 10, 3, 11, 6, 14, 7, 15});
      const Vector w = __builtin_shuffle(t, u, IntVector{0, 1, 8, 9, 4, 5, 12, 13}) +
                       __builtin_shuffle(t, u, IntVector{2, 3, 10, 11, 6, 7, 14, 15});
      Quarter halves[2], old;
      std::memcpy(halves, &w, sizeof w);
      std::memcpy(&old, c + i * c_step, sizeof old);
      old += halves[0] + halves[1];
      std::memcpy(c + i * c_step, &old, sizeof old);
    } else {
      for (int j = 0; j < Others; ++j) c[i * c_step + j] += sum_of_lanes(sum[i][j]);
    }
  }
}

// c [rows][others] += a [rows][columns] times the transpose of b [others][columns]; both with row step `step`.
inline void add_inner_product(const float* a, const float* b, long step, long columns, float* c, long rows, long others) {
  constexpr long kGroup = 16;  // rows of `a` that stay in the first-level cache while those of `b` pass
  for (long group = 0; group < rows; group += kGroup) {
    const long end = std::min(rows, group + kGroup);
    long j = 0;
    for (; j + 4 <= others; j += 4) {
      long i = group;
      for (; i + kInnerRows <= end; i += kInnerRows)
        inner_tile<kInnerRows, 4>(a + i * step, b + j * step, step, columns, c + i * others + j, others);
      for (; i < end; ++i) inner_tile<1, 4>(a + i * step, b + j * step, step, columns, c + i * others + j, others);
    }
    for (; j < others; ++j)
      for (long i = group; i < end; ++i) inner_tile<1, 1>(a + i * step, b + j * step, step, columns, c + i * others + j, others);
  }
}

// to [size][size] = the transpose of from [size][size]; size is a multiple of eight.
inline void transpose(const float* from, float* to, long size) {
  for (long i = 0; i < size; i += kLanes)
    for (long j = 0; j < size; j += kLanes) {
      Vector r[8], s[8];
#pragma GCC unroll 8
      for (int k = 0; k < 8; ++k) r[k] = load(from + (i + k) * size + j);
#pragma GCC unroll 8
      for (int k = 0; k < 8; k += 2) {
        s[k] = __builtin_shuffle(r[k], r[k + 1], IntVector{0, 8, 2, 10, 4, 12, 6, 14});
        s[k + 1] = __builtin_shuffle(r[k], r[k + 1], IntVector{1, 9, 3, 11, 5, 13, 7, 15});
      }
#pragma GCC unroll 8
      for (int k = 0; k < 8; k += 4)
#pragma GCC unroll 8
        for (int h = 0; h < 2; ++h) {
          r[k + h] = __builtin_shuffle(s[k + h], s[k + h + 2], IntVector{0, 1, 8, 9, 4, 5, 12, 13});
          r[k + h + 2] = __builtin_shuffle(s[k + h], s[k + h + 2], IntVector{2, 3, 10, 11, 6, 7, 14, 15});
        }
#pragma GCC unroll 8
      for (int k = 0; k < 4; ++k) {
        store(to + (j + k) * size + i, __builtin_shuffle(r[k], r[k + 4], IntVector{0, 1, 2, 3, 8, 9, 10, 11}));
        store(to + (j + k + 4) * size + i, __builtin_shuffle(r[k], r[k + 4], IntVector{4, 5, 6, 7, 12, 13, 14, 15}));
      }
    }
}

}  // namespace autoint

#endif  // AUTOINT_JAX_KERNELS_TILE_H_
