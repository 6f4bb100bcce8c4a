#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace serin {

/// Gives every beginning of `whole` that lacks at least one byte. Each is a buffer of its own, so that a read beyond it
/// is seen by the sanitizer.
template <class Look>
void for_each_truncation(std::string_view whole, const Look& look) {
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    std::string cut(whole.substr(0, bytes));
    cut.shrink_to_fit();
    look(std::string_view(cut));
  }
}

/// Gives `whole` with each single bit turned.
template <class Look>
void for_each_bit_flip(std::string_view whole, const Look& look) {
  std::string flipped(whole);
  for (std::size_t i = 0; i < flipped.size(); ++i) {
    const char before = flipped[i];
    for (unsigned bit = 0; bit < 8; ++bit) {
      flipped[i] = static_cast<char>(static_cast<unsigned char>(before) ^ (1U << bit));
      look(std::string_view(flipped));
    }
    flipped[i] = before;
  }
}

}  // namespace serin
