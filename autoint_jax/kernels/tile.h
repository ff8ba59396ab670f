// Small matrix products whose operands stay in the first- and second-level cache.
//
// Everything here is "columns last": a matrix is [rows][columns] with the columns (examples and fields) contiguous and a
// multiple of eight. Scalars of the left operand are broadcast, so it may have any strides; nothing has to be transposed.

#ifndef AUTOINT_JAX_KERNELS_TILE_H_
#define AUTOINT_JAX_KERNELS_TILE_H_

#include <algorithm>
#include <cstring>

#include "vector.h"

namespace autoint {

// The number of accumulators that fit in the registers, by vectors of columns.
#ifdef __AVX512VL__
constexpr int kTileRows[6] = {0, 8, 8, 8, 4, 4};
constexpr int kInnerRows = 4;
#else
constexpr int kTileRows[6] = {0, 8, 4, 4, 2, 2};
constexpr int kInnerRows = 2;
#endif

// Changes entries of a product before they are stored: those of row i, in a vector that begins `at` floats from the corner.
struct Unchanged {
  template <typename V>
  V operator()(V sum, long, long) const {
    return sum;
  }
};

// c[i][:] = sum_k a[i * row_step + k * inner_step] * b[k][:] for `Rows` rows from `row` on and `Vectors` vectors of columns from
// `column` on.
template <typename V, int Rows, int Vectors, typename Finish>
inline __attribute__((always_inline)) void tile(const float* a, long row_step, long inner_step, const float* b, long b_step,
                                                float* c, long c_step, long row, long column, long inner, const Finish& finish) {
  a += row * row_step, b += column, c += row * c_step + column;
  constexpr long lanes = lanes_of<V>;
  V sum[Rows][Vectors] = {};
  for (long k = 0; k < inner; ++k) {
    V right[Vectors];
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) right[j] = hold<V>(b + k * b_step + j * lanes);
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
      const V left = all<V>(a[i * row_step + k * inner_step]);
#pragma GCC unroll 8
      for (int j = 0; j < Vectors; ++j) sum[i][j] += left * right[j];
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j)
      store(c + i * c_step + j * lanes, finish(sum[i][j], row + i, (row + i) * c_step + column + j * lanes));
}

template <typename V, int Vectors, typename Finish>
void column_tile(const float* a, long row_step, long inner_step, const float* b, long b_step, float* c, long c_step,
                 long rows, long column, long inner, const Finish& finish) {
  constexpr int kRows = kTileRows[Vectors];
  long i = 0;
  for (; i + kRows <= rows; i += kRows)
    tile<V, kRows, Vectors>(a, row_step, inner_step, b, b_step, c, c_step, i, column, inner, finish);
  if (kRows > 4 && i + 4 <= rows) {
    tile<V, 4, Vectors>(a, row_step, inner_step, b, b_step, c, c_step, i, column, inner, finish);
    i += 4;
  }
  if (kRows > 2 && i + 2 <= rows) {
    tile<V, 2, Vectors>(a, row_step, inner_step, b, b_step, c, c_step, i, column, inner, finish);
    i += 2;
  }
  if (i < rows) tile<V, 1, Vectors>(a, row_step, inner_step, b, b_step, c, c_step, i, column, inner, finish);
}

// c [rows][columns] = a [rows][inner] times b [inner][columns], each entry as `finish` leaves it; `a` has any strides, columns is a
// multiple of eight.
template <typename Finish = Unchanged>
inline void product(const float* a, long row_step, long inner_step, const float* b, long b_step, float* c, long c_step,
                    long rows, long inner, long columns, const Finish& finish = {}) {
  long column = 0;
  for (long left = columns / kWideLanes; left > 0;) {
    const long take = left % 5 == 0 ? 5 : left >= 8 || left == 7 ? 4 : left == 6 ? 3 : left;
    switch (take) {
      case 1: column_tile<Wide, 1>(a, row_step, inner_step, b, b_step, c, c_step, rows, column, inner, finish); break;
      case 2: column_tile<Wide, 2>(a, row_step, inner_step, b, b_step, c, c_step, rows, column, inner, finish); break;
      case 3: column_tile<Wide, 3>(a, row_step, inner_step, b, b_step, c, c_step, rows, column, inner, finish); break;
      case 4: column_tile<Wide, 4>(a, row_step, inner_step, b, b_step, c, c_step, rows, column, inner, finish); break;
      default: column_tile<Wide, 5>(a, row_step, inner_step, b, b_step, c, c_step, rows, column, inner, finish);
    }
    column += take * kWideLanes;
    left -= take;
  }
  if (column < columns) column_tile<Vector, 1>(a, row_step, inner_step, b, b_step, c, c_step, rows, column, inner, finish);
}

// to[k] += the sum of lanes of s[k], for four of them at once.
inline __attribute__((always_inline)) void add_sums_of_lanes(const Wide* s, float* to) {
  const Wide t = by_quarters<0, 4, 1, 5>(s[0], s[1]) + by_quarters<2, 6, 3, 7>(s[0], s[1]);
  const Wide u = by_quarters<0, 4, 1, 5>(s[2], s[3]) + by_quarters<2, 6, 3, 7>(s[2], s[3]);
  const Wide w = by_quarters<0, 1, 4, 5>(t, u) + by_quarters<2, 3, 6, 7>(t, u);
  Vector eights[kWideLanes / kLanes];
  Quarter fours[2], old;
  std::memcpy(eights, &w, sizeof w);
  for (long k = 1; k < kWideLanes / kLanes; ++k) eights[0] += eights[k];
  std::memcpy(fours, eights, sizeof fours);
  std::memcpy(&old, to, sizeof old);
  old += fours[0] + fours[1];
  std::memcpy(to, &old, sizeof old);
}

// c[i][j] += sum over columns of a[i][:] * b[j][:] for `Rows` x `Others` entries.
template <int Rows, int Others>
inline __attribute__((always_inline)) void inner_tile(const float* a, long a_step, const float* b, long b_step, long columns,
                                                      float* c, long c_step) {
  Wide sum[Rows][Others] = {};
  for (long k = 0; k < columns; k += kWideLanes) {
    Wide right[Others];
#pragma GCC unroll 8
    for (int j = 0; j < Others; ++j) right[j] = hold<Wide>(b + j * b_step + k);
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
      const Wide left = hold<Wide>(a + i * a_step + k);
#pragma GCC unroll 8
      for (int j = 0; j < Others; ++j) sum[i][j] += left * right[j];
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Rows; ++i) {
    if constexpr (Others == 4) {
      add_sums_of_lanes(sum[i], c + i * c_step);
    } else {
      for (int j = 0; j < Others; ++j) c[i * c_step + j] += sum_of_lanes(sum[i][j]);
    }
  }
}

// c [rows][others] += a [rows][columns] times the transpose of b [others][columns], with steps from row to row; columns is a
// multiple of kWideLanes.
inline void add_inner_product(const float* a, long a_step, const float* b, long b_step, long columns, float* c, long c_step,
                              long rows, long others) {
  constexpr long kGroup = 16;  // rows of `a` that stay in the first-level cache while those of `b` pass
  for (long group = 0; group < rows; group += kGroup) {
    const long end = std::min(rows, group + kGroup);
    long j = 0;
    for (; j + 4 <= others; j += 4) {
      long i = group;
      for (; i + kInnerRows <= end; i += kInnerRows)
        inner_tile<kInnerRows, 4>(a + i * a_step, a_step, b + j * b_step, b_step, columns, c + i * c_step + j, c_step);
      for (; i < end; ++i) inner_tile<1, 4>(a + i * a_step, a_step, b + j * b_step, b_step, columns, c + i * c_step + j, c_step);
    }
    for (; j < others; ++j)
      for (long i = group; i < end; ++i)
        inner_tile<1, 1>(a + i * a_step, a_step, b + j * b_step, b_step, columns, c + i * c_step + j, c_step);
  }
}

// to[i] += the sum of row i of `a`, [rows][columns]; columns is a multiple of kWideLanes.
inline void add_row_sums(const float* a, long rows, long columns, float* to) {
  long i = 0;
  for (; i + 4 <= rows; i += 4) {
    Wide sum[4] = {};
    for (long c = 0; c < columns; c += kWideLanes)
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) sum[k] += load<Wide>(a + (i + k) * columns + c);
    add_sums_of_lanes(sum, to + i);
  }
  for (; i < rows; ++i) {
    Wide sum{};
    for (long c = 0; c < columns; c += kWideLanes) sum += load<Wide>(a + i * columns + c);
    to[i] += sum_of_lanes(sum);
  }
}

// to [8][8] = the transpose of from [8][8], with steps from row to row.
inline void transpose_block(const float* from, long from_step, float* to, long to_step) {
  Vector r[8], s[8];
#pragma GCC unroll 8
  for (int k = 0; k < 8; ++k) r[k] = load(from + k * from_step);
#pragma GCC unroll 8
  for (int k = 0; k < 8; k += 2) {
    s[k] = by_quarters<0, 4, 2, 6>(r[k], r[k + 1]);
    s[k + 1] = by_quarters<1, 5, 3, 7>(r[k], r[k + 1]);
  }
#pragma GCC unroll 8
  for (int k = 0; k < 8; k += 4)
#pragma GCC unroll 8
    for (int h = 0; h < 2; ++h) {
      r[k + h] = by_quarters<0, 1, 4, 5>(s[k + h], s[k + h + 2]);
      r[k + h + 2] = by_quarters<2, 3, 6, 7>(s[k + h], s[k + h + 2]);
    }
#pragma GCC unroll 8
  for (int k = 0; k < 4; ++k) {
    store(to + k * to_step, shuffled<0, 1, 2, 3, 8, 9, 10, 11>(r[k], r[k + 4]));
    store(to + (k + 4) * to_step, shuffled<4, 5, 6, 7, 12, 13, 14, 15>(r[k], r[k + 4]));
  }
}

// to [size][size] = the transpose of from [size][size]; size is a multiple of eight.
inline void transpose(const float* from, float* to, long size) {
  for (long i = 0; i < size; i += kLanes)
    for (long j = 0; j < size; j += kLanes) transpose_block(from + i * size + j, size, to + j * size + i, size);
}

}  // namespace autoint

#endif  // AUTOINT_JAX_KERNELS_TILE_H_
