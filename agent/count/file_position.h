#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace serin::count {

/// What tells one file from another as long as one of us holds it open.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend bool operator==(const FileId&, const FileId&) = default;
};

/// Bytes of a file's beginning that are its fingerprint, and of what stands before a position.
inline constexpr std::size_t kHeadBytes = 256;
inline constexpr std::size_t kAnchorBytes = 16;

/// How far one file has been read: what another process needs to go on at the exact byte, and to notice when that byte
/// is not there any more. A plain value.
struct FilePosition {
  std::string source;  ///< the source's path as it is configured
  std::string path;    ///< where the file was seen last
  FileId id;
  std::uint64_t generation = 0;  ///< how often it was truncated
  std::uint64_t head_hash = 0;   ///< of its first head_bytes bytes
  std::uint32_t head_bytes = 0;  ///< at most kHeadBytes
  std::uint64_t offset = 0;      ///< bytes taken
  std::uint64_t line_bytes = 0;  ///< of these the line that is not finished: it is taken again
  std::string anchor;            ///< what stands before offset: at most kAnchorBytes, fewer at the beginning
  std::string text;              ///< TextState::saved()
  std::int64_t changed_ns = 0;   ///< the file's own time of its last change, when it was looked at last
  std::int64_t at_end_ms = 0;    ///< FleetClock; when it was known to have no more than this; 0: never
  std::int64_t grown_ms = 0;     ///< FleetClock; when something was read last
  std::int64_t seen_ms = 0;      ///< wall clock; when it was there last
  bool is_newest = false;        ///< of those that stood at its path
  bool is_draining = false;      ///< it has lost its path and is read to its end
  bool is_finished = false;      ///< it was drained: only what came after it at its path is of interest
  friend bool operator==(const FilePosition&, const FilePosition&) = default;
};

/// How far one source that is the journal has been read.
struct JournalPosition {
  std::string source;  ///< name_of() its settings
  std::string cursor;
  std::string text;  ///< TextState::saved()
  friend bool operator==(const JournalPosition&, const JournalPosition&) = default;
};

/// What a follower must know to go on in another process.
struct FollowerState {
  std::vector<std::string> sources;  ///< paths whose folders have been seen: what appears there later is new
  std::vector<FilePosition> files;
  std::vector<JournalPosition> journals;
  friend bool operator==(const FollowerState&, const FollowerState&) = default;
};

/// 64 bits of the head's SHA-256.
std::uint64_t hash_of_head(std::string_view head);

}  // namespace serin::count
