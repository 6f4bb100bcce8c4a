#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/tree.h"
#include "protocol/verify_messages.h"

/// What a path's stat tells about drift. Pure.
namespace serin::drift {

/// What stands at a path.
struct Found {
  enum class Kind : std::uint8_t { nothing, file, symlink, folder, other };
  Kind kind = Kind::nothing;
  std::uint32_t mode = 0;  ///< permission bits, setuid and the like among them
  std::int64_t mtime_s = 0;
  std::uint64_t size = 0;
  std::string target;  ///< of a symlink
};

/// How it differs from what the release has there, as far as its stat shows: nothing, or the first that fits. Whether a
/// file has the right bytes only its hash can tell: `mode` and `mtime` hold when it has.
std::optional<DriftKind> compare(const TreeEntry& entry, const Found& found);

/// True for a path where the host has something of its own (a kept path), and for a folder above one.
bool is_kept(const std::vector<std::string>& kept, std::string_view path);

}  // namespace serin::drift
