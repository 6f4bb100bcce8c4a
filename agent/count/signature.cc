#include "agent/count/signature.h"

#include <algorithm>
#include <cstring>

#include "agent/count/event_parts.h"
#include "agent/count/mask.h"
#include "agent/count/xxh64.h"

namespace serin::count {
namespace {

/// Appends a part, normalised, to what is in `to`; returns the new size.
std::size_t append(char* to, std::size_t size, std::string_view separator, std::string_view part, std::size_t most) {
  std::array<char, Signature::kBytesSeen * kMaskGrowth> buffer;
  const auto written = std::min(mask(part.substr(0, Signature::kBytesSeen), buffer.data(), most), most);
  if (written == 0) return size;
  if (size != 0) {
    std::memcpy(to + size, separator.data(), separator.size());
    size += separator.size();
  }
  std::memcpy(to + size, buffer.data(), written);
  return size + written;
}

}  // namespace

Signature::Signature(std::string_view event) {
  const auto parts = parts_of(event);
  size_ = append(text_.data(), 0, "", parts.message, kMessageBytes);
  if (!parts.exception.empty()) size_ = append(text_.data(), size_, " | ", parts.exception, kPlaceBytes);
  if (!parts.frame.empty()) size_ = append(text_.data(), size_, " @ ", parts.frame, kPlaceBytes);
  id_ = id_of_text(text());
}

SignatureId id_of_text(std::string_view text) {
  const auto id = xxh64(text, kSignatureVersion);
  return id == 0 ? 1 : id;
}

}  // namespace serin::count
