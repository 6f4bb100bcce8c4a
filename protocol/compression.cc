#include "protocol/compression.h"

#include <fmt/format.h>
#include <zstd.h>

#include <bit>
#include <new>
#include <stdexcept>

namespace serin {

namespace {

constexpr int kLevel = 3;
/// What level 3 reaches by itself.
constexpr std::size_t kOwnWindow = 2U << 20;

struct FreeCompressor {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

std::size_t checked(std::size_t code) {
  if (ZSTD_isError(code) != 0) throw std::runtime_error(fmt::format("zstd: {}", ZSTD_getErrorName(code)));
  return code;
}

}  // namespace

struct Compressor::Context {
  std::unique_ptr<ZSTD_CCtx, FreeCompressor> zstd{ZSTD_createCCtx()};
};

Compressor::Compressor() : context_(std::make_unique<Context>()) {
  if (!context_->zstd) throw std::bad_alloc();
}
Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;
Compressor& Compressor::operator=(Compressor&&) noexcept = default;

void Compressor::append_frame(std::string_view content, std::string_view prefix, std::string& to) {
  ZSTD_CCtx* zstd = context_->zstd.get();
  checked(ZSTD_CCtx_reset(zstd, ZSTD_reset_session_and_parameters));
  checked(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, kLevel));
  const std::size_t reach = content.size() + prefix.size();
  if (reach > kOwnWindow) {
    checked(ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, static_cast<int>(std::bit_width(reach))));
    checked(ZSTD_CCtx_setParameter(zstd, ZSTD_c_enableLongDistanceMatching, 1));
  }
  if (!prefix.empty()) checked(ZSTD_CCtx_refPrefix(zstd, prefix.data(), prefix.size()));
  const std::size_t before = to.size();
  to.resize(before + ZSTD_compressBound(content.size()));
  const std::size_t made =
      checked(ZSTD_compress2(zstd, to.data() + before, to.size() - before, content.data(), content.size()));
  to.resize(before + made);
}

struct Decompressor::Context {
  std::unique_ptr<ZSTD_DCtx, FreeDecompressor> zstd{ZSTD_createDCtx()};
};

Decompressor::Decompressor() : context_(std::make_unique<Context>()) {
  if (!context_->zstd) throw std::bad_alloc();
}
Decompressor::~Decompressor() = default;
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor& Decompressor::operator=(Decompressor&&) noexcept = default;

Result<void> Decompressor::decompress(std::string_view frame, std::string_view prefix, std::span<char> content) {
  if (frame.empty()) return failure(ErrorKind::corrupt, "compressed bytes: none");
  ZSTD_DCtx* zstd = context_->zstd.get();
  ZSTD_DCtx_reset(zstd, ZSTD_reset_session_and_parameters);
  if (!prefix.empty()) ZSTD_DCtx_refPrefix(zstd, prefix.data(), prefix.size());
  // Into the whole buffer at once: no window is allocated, however large the frame says that it is.
  const std::size_t made = ZSTD_decompressDCtx(zstd, content.data(), content.size(), frame.data(), frame.size());
  if (ZSTD_isError(made) != 0) {
    return failure(ErrorKind::corrupt, fmt::format("compressed bytes: {}", ZSTD_getErrorName(made)));
  }
  if (made != content.size()) {
    return failure(ErrorKind::corrupt, fmt::format("compressed bytes: {} instead of {}", made, content.size()));
  }
  return {};
}

}  // namespace serin
