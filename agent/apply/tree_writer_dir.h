#pragma once

#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "agent/agent_config.h"
#include "agent/apply/folder_dir.h"
#include "protocol/error.h"
#include "protocol/posix/unique_fd.h"
#include "protocol/tree_diff.h"

namespace serin::apply {

/// Where a file's bytes are taken from.
struct FileSource {
  enum class How {
    copy,  ///< its bytes, hashed on the way
    link,  ///< share its bytes as `share` says when it has the entry's size, mode and mtime, else copy it
    take,  ///< move the file itself here: nobody else has it, and its bytes were hashed
  };
  FolderRoot* root = nullptr;  ///< borrowed
  std::string path;            ///< beneath it
  How how = How::copy;
};
using FindSource = std::function<Result<FileSource>(const std::string& path, const TreeEntry& entry)>;

/// Changes a tree that nobody uses yet, path by path. No name is ever followed out of `root` or through a link, no file
/// is opened for writing in place: each is made elsewhere and renamed. Files get mode 0444 or 0555 and the entry's
/// mtime, folders 0755. What is copied is hashed: `corrupt` when it is not the entry's content. One thread.
class TreeWriter {
 public:
  /// `scratch`: a folder on the same filesystem for files that are being made. Nobody else uses it meanwhile.
  static Result<TreeWriter> open(const std::filesystem::path& root, const std::filesystem::path& scratch,
                                 agent::Share share = agent::Share::automatic);

  /// Brings the tree from the state before these changes to the one after them.
  Result<void> apply(const std::vector<PathChange>& changes, const FindSource& find_source);
  /// A link that belongs to no release, and the folders above it that are missing. Where its path leads is the caller's
  /// to answer for.
  Result<void> add_link(const std::string& path, const std::string& target);
  /// Takes it away again, with the folders above it that no release has.
  Result<void> remove_link(const std::string& path, const std::function<bool(const std::string&)>& is_released);
  /// Makes what was written durable: fsync of each new file and touched folder while they are few (64), else one
  /// syncfs.
  Result<void> sync();

 private:
  TreeWriter(FolderRoot root, FolderRoot scratch, agent::Share share)
      : root_(std::move(root)), scratch_(std::move(scratch)), share_(share) {}
  /// Where the entry at this path stands.
  struct Place {
    int folder;
    std::string name;
  };
  Result<Place> place_of(const std::string& path);
  Result<void> remove(const std::string& path, const TreeEntry& entry);
  Result<void> create(const std::string& path, const TreeEntry& entry, const FindSource& find_source);
  Result<void> make_folder(const Place& place, const std::string& path);
  Result<void> make_link(const Place& place, const std::string& path, const TreeEntry& entry);
  Result<void> make_file(const Place& place, const std::string& path, const TreeEntry& entry, const FileSource& source);
  Result<bool> share(int from, const std::string& name, const Place& place, const std::string& path,
                     const TreeEntry& entry);
  Result<bool> reflink(int from, const std::string& name, const Place& place, const std::string& path,
                       const TreeEntry& entry);
  static Result<bool> hardlink(int from, const std::string& name, const Place& place, int scratch);
  Result<posix::UniqueFd> new_scratch_file(const std::string& path);
  Result<void> take(int from, const std::string& name, const Place& place, const std::string& path,
                    const TreeEntry& entry);
  Result<void> copy(int from, const std::string& name, const Place& place, const std::string& path,
                    const TreeEntry& entry);
  Result<void> finish_file(posix::UniqueFd file, const std::string& path, const TreeEntry& entry);

  FolderRoot root_, scratch_;
  agent::Share share_;
  bool reflinks_ = true;                    ///< none failed yet
  std::vector<posix::UniqueFd> new_files_;  ///< to be synced, while they are few
  std::set<std::string> touched_folders_;
  std::size_t new_count_ = 0;
};

}  // namespace serin::apply
