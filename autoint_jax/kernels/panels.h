// Matrix products for operands too large for the first-level cache.
//
// The right operand lies in panels: neighbouring columns, as many as a tile of the registers has, in contiguous memory. The last
// panel is filled up with zeros. An entry of a product is a sum over the inner index in order, whatever rows and panels are taken
// at a time, so that it does not depend on how a product is divided among threads.

#ifndef AUTOINT_JAX_KERNELS_PANELS_H_
#define AUTOINT_JAX_KERNELS_PANELS_H_

#include <algorithm>
#include <cstring>

#include "tile.h"
#include "vector.h"

namespace autoint {

#ifdef __AVX512VL__
constexpr int kPanelVectors = 5, kPanelRows = 5;
#else
constexpr int kPanelVectors = 2, kPanelRows = 6;
#endif
constexpr long kPanel = kPanelVectors * kWideLanes;

inline long panel_count(long columns) { return (columns + kPanel - 1) / kPanel; }
inline long panel_columns(long columns) { return panel_count(columns) * kPanel; }

// The left operand of a product. Its rows are taken in tiles of kPanelRows rows, its inner index in chunks.
struct Left {
  const float* values;
  long row_step, inner_step, tile_step, chunk, chunk_step;

  // A matrix whose entry (i, k) is at values[i * row_step + k * inner_step].
  static Left strided(const float* values, long row_step, long inner_step, long inner) {
    return {values, row_step, inner_step, kPanelRows * row_step, inner, 0};
  }
  // A matrix in panels: `panel_step` is the step from one to the next.
  static Left panels(const float* values, long panel_step) { return {values, kPanel, 1, kPanelRows * kPanel, kPanel, panel_step}; }
  // The transpose of a matrix [inner][rows] as `pack_tiles` packs it.
  static Left tiles(const float* values, long inner) { return {values, 1, kPanelRows, kPanelRows * inner, inner, 0}; }

  const float* row(long i) const { return values + i / kPanelRows * tile_step + i % kPanelRows * row_step; }
};

// Sums of `Rows` rows and `Vectors` vectors of columns, from `output.start` on, given to `output.finish`. `b` begins the panel.
template <int Rows, int Vectors, typename Output>
inline __attribute__((always_inline)) void panel_tile(const Left& a, const float* b, long inner, long row, long column,
                                                      const Output& output) {
  Wide sum[Rows][Vectors];
#pragma GCC unroll 8
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) sum[i][j] = output.start(row + i, column + j * kWideLanes);
  const float* first = a.row(row);
  const long row_step = a.row_step, inner_step = a.inner_step;
  for (long done = 0; done < inner; done += a.chunk, first += a.chunk_step) {
    const long end = std::min(a.chunk, inner - done);
    const float* left = first;
    for (long k = 0; k < end; ++k, b += kPanel, left += inner_step) {
      Wide right[Vectors];
#pragma GCC unroll 8
      for (int j = 0; j < Vectors; ++j) right[j] = hold<Wide>(b + j * kWideLanes);
#pragma GCC unroll 8
      for (int i = 0; i < Rows; ++i) {
        const Wide one = all<Wide>(left[i * row_step]);
#pragma GCC unroll 8
        for (int j = 0; j < Vectors; ++j) sum[i][j] += one * right[j];
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) output.finish(sum[i][j], row + i, column + j * kWideLanes);
}

template <int Vectors, typename Output>
void panel_product(const Left& a, const float* b, long rows, long inner, long column, const Output& output) {
  long i = 0;
  for (; i + kPanelRows <= rows; i += kPanelRows) panel_tile<kPanelRows, Vectors>(a, b, inner, i, column, output);
  for (; i + 4 <= rows; i += 4) panel_tile<4, Vectors>(a, b, inner, i, column, output);
  for (; i < rows; ++i) panel_tile<1, Vectors>(a, b, inner, i, column, output);
}

// Computes a [rows][inner] times b [inner][columns], whose panels have the step `panel_step`.
template <typename Output>
void panels_product(const Left& a, const float* b, long panel_step, long rows, long inner, long columns, const Output& output) {
  for (long column = 0; column < columns; column += kPanel, b += panel_step) {
    const long left = columns - column;
    switch (std::min<long>(kPanelVectors, (left + kWideLanes - 1) / kWideLanes)) {
      case 1: panel_product<1>(a, b, rows, inner, column, output); break;
      case 2: panel_product<2>(a, b, rows, inner, column, output); break;
      case 3: panel_product<3>(a, b, rows, inner, column, output); break;
      case 4: panel_product<4>(a, b, rows, inner, column, output); break;
      default: panel_product<5>(a, b, rows, inner, column, output); break;
    }
  }
}

// Packs panel `panel` of a matrix from [inner][columns] to `to` [inner][kPanel].
inline void pack_panel(const float* from, long inner, long columns, long panel, float* to) {
  const long first = panel * kPanel, count = std::min(kPanel, columns - first);
  for (long k = 0; k < inner; ++k, to += kPanel) {
    const float* row = from + k * columns + first;
    if (count == kPanel) {
      for (long j = 0; j < kPanel; j += kWideLanes) store(to + j, load<Wide>(row + j));
    } else {
      for (long j = 0; j < kPanel; ++j) to[j] = j < count ? row[j] : 0.0f;
    }
  }
}

// Packs panel `panel` of the transpose of a matrix from [columns][inner] to `to` [inner][kPanel].
inline void pack_transposed_panel(const float* from, long inner, long columns, long panel, float* to) {
  const long first = panel * kPanel, count = std::min(kPanel, columns - first);
  from += first * inner;
  long k = 0;
  if (count == kPanel)
    for (; k + kLanes <= inner; k += kLanes)
      for (long j = 0; j < kPanel; j += kLanes) transpose_block(from + j * inner + k, inner, to + k * kPanel + j, kPanel);
  for (; k < inner; ++k)
    for (long j = 0; j < kPanel; ++j) to[k * kPanel + j] = j < count ? from[j * inner + k] : 0.0f;
}

// Packs `count` columns of a matrix [inner] with the step `step` from row to row, so that they are rows of a left operand.
inline void pack_tiles(const float* from, long step, long inner, long count, float* to) {
  constexpr long kLater = 8;  // rows between one that is packed and one whose memory is asked for
  for (long k = 0; k < inner; ++k) {
    if (k + kLater < inner)
      for (long i = 0; i < count; i += 16) __builtin_prefetch(from + (k + kLater) * step + i);
    for (long i = 0; i < count; i += kPanelRows) {
      float* tile = to + i * inner + k * kPanelRows;
      if (i + kPanelRows <= count) std::memcpy(tile, from + k * step + i, kPanelRows * sizeof(float));
      else std::memcpy(tile, from + k * step + i, (count - i) * sizeof(float));
    }
  }
}

// The vector of a row of `columns` floats that begins at `column`, filled up with zeros.
inline Wide row_vector(const float* row, long column, long columns) {
  if (column + kWideLanes <= columns) return load<Wide>(row + column);
  Wide v{};
  std::memcpy(&v, row + column, (columns - column) * sizeof(float));
  return v;
}

// A matrix in memory with `columns` columns and the step `step` from row to row; vectors may reach past the end of a row.
struct Rectangle {
  float* values;
  long columns, step;

  void put(Wide v, long row, long column) const {
    float* to = values + row * step + column;
    if (column + kWideLanes <= columns) store(to, v);
    else std::memcpy(to, &v, (columns - column) * sizeof(float));
  }
  Wide get(long row, long column) const { return row_vector(values + row * step, column, columns); }
};

// An output that begins at zero, or is added to.
struct Sums {
  Rectangle to;
  bool add;

  Wide start(long row, long column) const { return add ? to.get(row, column) : Wide{}; }
  void finish(Wide sum, long row, long column) const { to.put(sum, row, column); }
};

}  // namespace autoint

#endif  // AUTOINT_JAX_KERNELS_PANELS_H_
