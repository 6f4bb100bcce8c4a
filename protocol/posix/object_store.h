#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/digest.h"
#include "protocol/error.h"
#include "protocol/posix/unique_fd.h"

namespace serin::posix {

/// Immutable objects as files: FOLDER/objects/ab/cdef…, named by their SHA-256, mode 0444, put there by rename so that
/// a file that exists is whole. Any number of readers in any thread beside one writer.
class ObjectReader {
 public:
  explicit ObjectReader(std::filesystem::path folder);
  [[nodiscard]] bool has(const ObjectId& id) const;
  /// An open descriptor and the size; `not_found` when absent. The bytes are not verified: the receiver does that.
  struct Opened {
    UniqueFd fd;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] Result<Opened> open(const ObjectId& id) const;
  /// The whole object, verified; `corrupt` when the bytes are not the id's.
  [[nodiscard]] Result<std::string> read(const ObjectId& id, std::size_t bytes_max) const;
  [[nodiscard]] std::filesystem::path path_of(const ObjectId& id) const;

 protected:
  std::filesystem::path folder_;
};

/// One thread at a time. After sync() everything that was put is durable.
class ObjectWriter : public ObjectReader {
 public:
  /// Makes the folders; removes temporary files of an earlier life.
  static Result<ObjectWriter> open_folder(std::filesystem::path folder);
  /// Stores the bytes; does nothing when the object is there.
  Result<ObjectId> put(std::string_view bytes);
  /// Copies the content of `source_fd` (from its start), hashing it on the way; gives id and size.
  struct Stored {
    ObjectId id;
    std::uint64_t bytes = 0;
  };
  Result<Stored> put_file(int source_fd, std::uint64_t bytes_max);
  /// fsync of each new object and folder while they are few (64), one syncfs beyond that.
  Result<void> sync();

 private:
  explicit ObjectWriter(std::filesystem::path folder) : ObjectReader(std::move(folder)) {}
  std::vector<std::filesystem::path> unsynced_;
};

}  // namespace serin::posix
