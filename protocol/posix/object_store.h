#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/digest.h"
#include "protocol/error.h"
#include "protocol/posix/unique_fd.h"

namespace serin::posix {

/// Immutable objects as files: FOLDER/objects/ab/cdef…, named by their SHA-256, mode 0444, put there whole under one
/// name at once. Any number of readers in any thread beside one writer.
/// FOLDER/incoming/ holds what is being written and, until the next sync(), a second name (its hash) of each new
/// object: after a crash or a loss of power those are hashed again before they are believed.
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
  /// The whole object, verified; `corrupt` when the bytes are not the id's, `refused` when there are more than
  /// `bytes_max`.
  [[nodiscard]] Result<std::string> read(const ObjectId& id, std::size_t bytes_max) const;
  [[nodiscard]] std::filesystem::path path_of(const ObjectId& id) const;
  /// The objects whose ids begin with this byte, in no order.
  [[nodiscard]] Result<std::vector<ObjectId>> list(unsigned char first_byte) const;

 protected:
  std::filesystem::path folder_;
};

/// put() and put_file() from several threads at once, the rest from one while nobody puts. After sync() everything that
/// was put is durable.
class ObjectWriter : public ObjectReader {
 public:
  /// Makes the folders; removes temporary files of an earlier life and unsynced objects that did not survive it. One
  /// writer per folder: the caller holds a lock.
  static Result<ObjectWriter> open_folder(std::filesystem::path folder);
  /// Stores the bytes. An object that is there is hashed, and replaced when its bytes are not its name's.
  Result<ObjectId> put(std::string_view bytes);
  /// Copies the content of `source_fd` (from its start), hashing it on the way; gives id and size. `busy` when size or
  /// modification time change meanwhile, `refused` when it is larger than `bytes_max`, `invalid` when no regular file.
  /// An object that is there is treated as by put().
  struct Stored {
    ObjectId id;
    std::uint64_t bytes = 0;
  };
  Result<Stored> put_file(int source_fd, std::uint64_t bytes_max);
  /// Unlinks it, if it is there: who has it open reads on.
  Result<void> remove(const ObjectId& id);
  /// fsync of each new object and folder while they are few (64), one syncfs beyond that.
  Result<void> sync();

 private:
  /// A file in incoming/ that is removed with this, unless it was published.
  struct Temporary {
    Temporary() = default;
    Temporary(Temporary&& other) noexcept;
    Temporary& operator=(Temporary&&) = delete;
    Temporary(const Temporary&) = delete;
    Temporary& operator=(const Temporary&) = delete;
    ~Temporary();
    UniqueFd fd;
    std::string path;
  };

  explicit ObjectWriter(std::filesystem::path folder) : ObjectReader(std::move(folder)) {}
  [[nodiscard]] std::filesystem::path incoming() const;
  [[nodiscard]] std::filesystem::path mark_of(const ObjectId& id) const;
  [[nodiscard]] Result<Temporary> make_temporary() const;
  Result<void> recover();
  Result<bool> is_whole(const ObjectId& id);
  Result<void> publish(Temporary& temporary, const ObjectId& id);

  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();  ///< of the names of new objects
  std::vector<ObjectId> unsynced_;
};

}  // namespace serin::posix
