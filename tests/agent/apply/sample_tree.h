#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "protocol/release.h"
#include "protocol/tree.h"

namespace serin::apply {

/// A tree of a release as plain values: paths and what stands there. Folders come by themselves; an empty one is named.
struct SampleNode {
  EntryKind kind = EntryKind::file;
  std::string content;  ///< of a file, or the target of a symlink
  std::int64_t mtime_s = 1'700'000'000;
};
using SampleTree = std::map<std::string, SampleNode>;

inline SampleNode file(std::string content, std::int64_t mtime_s = 1'700'000'000) {
  return {EntryKind::file, std::move(content), mtime_s};
}
inline SampleNode program(std::string content) {
  return {EntryKind::executable, std::move(content)};
}
inline SampleNode link_to(std::string target) {
  return {EntryKind::symlink, std::move(target), 0};
}
inline SampleNode folder() {
  return {EntryKind::folder, {}, 0};
}

/// The objects of a tree and its root.
struct SampleObjects {
  ObjectId root;
  std::map<ObjectId, std::string> objects;
  std::map<ObjectId, bool> is_tree;
};
SampleObjects objects_of(const SampleTree& tree);
Release release_of(ReleaseNumber number, const SampleTree& tree);

/// The first way in which the folder on disk is not exactly this tree (names, kinds, bytes, modes, mtimes, targets);
/// empty: it is.
std::string difference(const std::filesystem::path& folder, const SampleTree& tree);

}  // namespace serin::apply
