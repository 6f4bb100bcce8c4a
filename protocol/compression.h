#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "protocol/error.h"

namespace serin {

/// zstd frames of content that may be told as a change of other bytes, the prefix. Keeps its memory between calls:
/// fresh pages are dear. Single-threaded. Source: zstd's ZSTD_CCtx_refPrefix, with long-distance matching where content
/// and prefix together go beyond the level's own window.
class Compressor {
 public:
  Compressor();
  ~Compressor();
  Compressor(Compressor&&) noexcept;
  Compressor& operator=(Compressor&&) noexcept;
  /// Appends one frame to `to`. The same content and prefix give the same bytes with the same library.
  void append_frame(std::string_view content, std::string_view prefix, std::string& to);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// The other direction. Memory beyond the caller's buffers is constant, whatever the frame says. Single-threaded.
class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  Decompressor(Decompressor&&) noexcept;
  Decompressor& operator=(Decompressor&&) noexcept;
  /// Fills `content` exactly; `corrupt` when the frame does not yield so many bytes, is damaged, or needs another
  /// prefix (which zstd cannot always see: the caller hashes what it got).
  Result<void> decompress(std::string_view frame, std::string_view prefix, std::span<char> content);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace serin
