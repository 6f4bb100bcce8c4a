#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/count/file_position.h"

namespace serin::count {

/// A regular file beside a log.
struct Sibling {
  std::string path;
  FileId id;
  std::int64_t changed_ns = 0;
  friend bool operator==(const Sibling&, const Sibling&) = default;
};

/// All in the folder of `path` that have this inode: the file that is looked for may have got any name.
std::vector<Sibling> siblings_with_inode(const std::string& path, std::uint64_t inode);

/// What rotation made of one path.
struct Rotated {
  std::vector<Sibling> files;  ///< oldest first
  bool all = false;            ///< none can be missing
};

/// What rotation made of `path` after it took `old` away: by their names when `old` is still among them, and in any
/// case not changed before `changed_ns`, when `old` was changed last (0: unknown, then none). Packed ones are left out.
Rotated rotated_since(const std::string& path, const FileId& old, std::int64_t changed_ns);

}  // namespace serin::count
