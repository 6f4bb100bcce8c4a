#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "agent/apply/folder_dir.h"
#include "agent/apply/tree_lookup.h"
#include "protocol/error.h"
#include "protocol/tree_diff.h"

namespace serin::apply {

/// Reads the old bytes that a pack tells its content against: files of the live tree, and the objects of its folders.
/// What they hold is not verified: who uses them hashes the result. One thread.
class BaseTree {
 public:
  /// No tree: every read is `not_found`.
  BaseTree();
  /// `folder`: the tree; `root`: the object of it; `load`: folders' objects by id.
  static Result<BaseTree> open(const std::filesystem::path& folder, const ObjectId& root, TreeLoader load);
  BaseTree(BaseTree&&) noexcept;
  BaseTree& operator=(BaseTree&&) noexcept;
  ~BaseTree();

  /// Appends these bytes of the file at `path`; `not_found` when there is no file that has them all.
  Result<void> append_file(const std::string& path, std::uint64_t offset, std::uint32_t bytes, std::string& to);
  /// The same of the object of the folder at `path`.
  Result<void> append_folder(const std::string& path, std::uint64_t offset, std::uint32_t bytes, std::string& to);

 private:
  struct Parts;
  explicit BaseTree(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace serin::apply
