#include "agent/apply/stray_files_dir.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "protocol/posix/files.h"
#include "protocol/text.h"

namespace serin::apply {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kShown = 10;

class Search {
 public:
  Search(const TreeLoader& load, const std::set<std::string>& kept) : load_(load), kept_(kept) {}

  Result<void> compare(const fs::path& folder, const std::string& prefix, const ObjectId& root) {
    Tree tree;
    if (!root.is_nothing()) {
      auto loaded = load_(root);
      if (!loaded) return std::unexpected(loaded.error());
      tree = std::move(*loaded);
    }
    const auto entries = sorted_entries(folder);
    if (!entries) return std::unexpected(entries.error());
    for (const fs::directory_entry& entry : *entries) {
      const std::string path = prefix + entry.path().filename().string();
      if (kept_.contains(path)) continue;
      const TreeEntry* known = find_entry(tree, entry.path().filename().string());
      if (!is_folder(entry)) {
        if (known == nullptr) found(path, 1);
      } else if (known != nullptr && known->kind == EntryKind::folder) {
        if (auto compared = compare(entry.path(), path + "/", known->id); !compared) return compared;
      } else {
        std::uint64_t files = 0;
        if (auto counted = count(entry.path(), path + "/", files); !counted) return counted;
        if (files > 0) found(path + "/", files);
      }
    }
    return {};
  }

  [[nodiscard]] StrayFiles result() const {
    std::string text;
    for (const std::string& item : shown_) text += (text.empty() ? "" : ", ") + item;
    if (count_ > in_shown_) text += fmt::format(" and {} more", count_ - in_shown_);
    return {.count = count_, .text = std::move(text)};
  }

 private:
  static bool is_folder(const fs::directory_entry& entry) {
    std::error_code error;
    return entry.symlink_status(error).type() == fs::file_type::directory;
  }
  static Result<std::vector<fs::directory_entry>> sorted_entries(const fs::path& folder) {
    std::vector<fs::directory_entry> entries;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
      entries.push_back(*entry);
    }
    if (error) return std::unexpected(posix::errno_error("list " + folder.string(), error.value()));
    std::sort(entries.begin(), entries.end());
    return entries;
  }
  /// Of a folder that the release does not have.
  Result<void> count(const fs::path& folder, const std::string& prefix, std::uint64_t& files) {
    const auto entries = sorted_entries(folder);
    if (!entries) return std::unexpected(entries.error());
    for (const fs::directory_entry& entry : *entries) {
      const std::string path = prefix + entry.path().filename().string();
      if (kept_.contains(path)) continue;
      if (!is_folder(entry)) {
        ++files;
      } else if (auto counted = count(entry.path(), path + "/", files); !counted) {
        return counted;
      }
    }
    return {};
  }
  void found(const std::string& path, std::uint64_t files) {
    count_ += files;
    if (shown_.size() == kShown) return;
    in_shown_ += files;
    shown_.push_back(path.ends_with('/') ? fmt::format("{} ({} file{})", printable(path), files, files == 1 ? "" : "s")
                                         : printable(path));
  }

  const TreeLoader& load_;
  const std::set<std::string>& kept_;
  std::uint64_t count_ = 0, in_shown_ = 0;
  std::vector<std::string> shown_;
};

}  // namespace

Result<StrayFiles> find_stray_files(const fs::path& folder, const ObjectId& root, const TreeLoader& load,
                                    const std::set<std::string>& kept) {
  Search search(load, kept);
  if (auto compared = search.compare(folder, "", root); !compared) return std::unexpected(compared.error());
  return search.result();
}

}  // namespace serin::apply
