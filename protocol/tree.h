#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/digest.h"
#include "protocol/error.h"

namespace serin {

/// What a path of a release can be. Setuid, setgid, devices, sockets and pipes do not exist here.
enum class EntryKind : std::uint8_t { file = 1, executable = 2, symlink = 3, folder = 4 };

/// One name in a folder.
struct TreeEntry {
  std::string name;  ///< bytes as on disk: not empty, no '/', no NUL, not "." or ".."
  EntryKind kind = EntryKind::file;
  std::int64_t mtime_s = 0;  ///< seconds since 1970; 0 for folders and symlinks
  std::uint64_t size = 0;    ///< of the file's content; 0 for folders and symlinks
  ObjectId id;               ///< of the file's content or the folder's object; nothing for symlinks
  std::string target;        ///< of a symlink only: relative and inside the tree
  friend bool operator==(const TreeEntry&, const TreeEntry&) = default;
};

/// One folder: entries in strictly ascending byte order of their names. Its object is `encode_tree`'s bytes and its id
/// their digest, so that the root's id names the whole state of a host.
///
/// Layout, integers little-endian: the 8 bytes "serintr1"; u32 number of entries; then for each: u8 kind, i64 mtime,
/// u64 size, 32 bytes id, u16 length of name, name, u16 length of target, target. Nothing may follow.
struct Tree {
  std::vector<TreeEntry> entries;
  friend bool operator==(const Tree&, const Tree&) = default;
};

/// The one encoding of a folder. Precondition: entries sorted and valid (decode_tree would accept the result).
std::string encode_tree(const Tree& tree);

/// Refuses with `corrupt` anything that encode_tree could not have made: wrong magic, truncation, trailing bytes,
/// unsorted or repeated names, bad names, fields that do not fit the kind, a link's target that no path would allow. So
/// one tree has one encoding. Whether a target leads out depends on the link's path: that is check_symlink's.
Result<Tree> decode_tree(std::string_view bytes);

/// `invalid` when the name cannot be a path component; the text shows it escaped.
Result<void> check_name(std::string_view name);

/// `invalid` unless `path` is relative, made of good names, and within the bounds. "" is the root and is good.
Result<void> check_path(std::string_view path);

/// `refused` unless the target of the link at `link_path` is relative and, when every link of the tree passes this,
/// surely inside: ".." may stand at its beginning only, at most as often as the link has folders above it.
Result<void> check_symlink(std::string_view link_path, std::string_view target);

/// The entry of that name, or nullptr. Valid while `tree` is unchanged.
const TreeEntry* find_entry(const Tree& tree, std::string_view name);

}  // namespace serin
