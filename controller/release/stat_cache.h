#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/digest.h"

namespace serin::release {

/// What lstat says of a file. Any change of its content changes at least one of these, unless it happens within one
/// tick of the file system's clock: see SourceScan for who is trusted.
struct FileStat {
  std::uint64_t bytes = 0, inode = 0;
  std::int64_t mtime_s = 0, ctime_s = 0;
  std::uint32_t mtime_ns = 0, ctime_ns = 0;
  friend bool operator==(const FileStat&, const FileStat&) = default;
};

/// What the files of a source were when they were last read, so that an unchanged one is never read again. Only ever a
/// help: without it everything is read.
///
/// Layout, integers little-endian: the 8 bytes "serinsc1"; u16 length and the source's path; u32 number of folders;
/// for each, in byte order: u16 length and path, u32 number of files; for each, in byte order: u16 length and name,
/// u64 bytes, u64 inode, i64 and u32 mtime (seconds, nanoseconds), i64 and u32 ctime, 32 bytes id. Then the 32 bytes of
/// SHA-256 over all that. Nothing may follow.
class StatCache {
 public:
  struct File {
    std::string name;
    FileStat stat;
    ObjectId id;
    friend bool operator==(const File&, const File&) = default;
  };
  using Files = std::vector<File>;  ///< of one folder, in ascending byte order of their names

  /// Nothing when the bytes are damaged, of another format or about another source.
  static std::optional<StatCache> decode(std::string_view bytes, std::string_view source);
  [[nodiscard]] std::string encode(std::string_view source) const;

  /// The files of that folder, or nullptr. Valid until the folder is set or removed.
  [[nodiscard]] const Files* find(std::string_view folder) const;
  void set(const std::string& folder, Files files);
  /// Forgets the folder and all beneath it. "" is everything.
  void remove(const std::string& folder);
  /// Takes over the folders of a newer one.
  void take(const StatCache& newer);
  friend bool operator==(const StatCache&, const StatCache&) = default;

 private:
  std::map<std::string, Files, std::less<>> folders_;
};

/// The file of that name, or nullptr.
const StatCache::File* find_file(const StatCache::Files& files, std::string_view name);

}  // namespace serin::release
