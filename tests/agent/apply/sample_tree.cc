#include "tests/agent/apply/sample_tree.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <fstream>
#include <set>
#include <sstream>

#include "protocol/text.h"

namespace serin::apply {

namespace fs = std::filesystem;

namespace {

struct Folder {
  std::map<std::string, const SampleNode*> entries;
  std::map<std::string, Folder> folders;
};

Folder nested(const SampleTree& tree) {
  Folder root;
  for (const auto& [path, node] : tree) {
    Folder* at = &root;
    std::size_t begin = 0;
    for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', begin)) {
      at = &at->folders[path.substr(begin, slash - begin)];
      begin = slash + 1;
    }
    if (node.kind == EntryKind::folder) {
      at->folders[path.substr(begin)];
    } else {
      at->entries[path.substr(begin)] = &node;
    }
  }
  return root;
}

ObjectId add_object(SampleObjects& all, const std::string& bytes, bool is_tree) {
  const ObjectId id = digest_of(bytes);
  all.objects[id] = bytes;
  all.is_tree[id] = is_tree;
  return id;
}

ObjectId add_folder(SampleObjects& all, const Folder& folder) {
  std::map<std::string, TreeEntry> entries;
  for (const auto& [name, inner] : folder.folders) {
    entries[name] = {.name = name, .kind = EntryKind::folder, .id = add_folder(all, inner)};
  }
  for (const auto& [name, node] : folder.entries) {
    TreeEntry entry{.name = name, .kind = node->kind};
    if (node->kind == EntryKind::symlink) {
      entry.target = node->content;
    } else {
      entry.mtime_s = node->mtime_s;
      entry.size = node->content.size();
      entry.id = add_object(all, node->content, false);
    }
    entries[name] = entry;
  }
  Tree tree;
  for (auto& [name, entry] : entries) tree.entries.push_back(std::move(entry));
  return add_object(all, encode_tree(tree), true);
}

std::string difference_at(const fs::path& at, const SampleNode& node) {
  struct stat found{};
  if (::lstat(at.c_str(), &found) != 0) return "missing";
  if (node.kind == EntryKind::symlink) {
    if (!S_ISLNK(found.st_mode)) return "no link";
    const std::string target = fs::read_symlink(at).string();
    return target == node.content ? "" : "a link to " + target;
  }
  const mode_t mode = node.kind == EntryKind::folder ? 0755 : node.kind == EntryKind::executable ? 0555 : 0444;
  if ((found.st_mode & 07777U) != mode) return fmt::format("mode {:o}", found.st_mode);
  if (node.kind == EntryKind::folder) return S_ISDIR(found.st_mode) ? "" : "no folder";
  if (!S_ISREG(found.st_mode)) return "no file";
  if (found.st_mtim.tv_sec != node.mtime_s) return fmt::format("mtime {}", found.st_mtim.tv_sec);
  std::ifstream in(at, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  return bytes == node.content ? "" : fmt::format("{} other bytes", bytes.size());
}

}  // namespace

SampleObjects objects_of(const SampleTree& tree) {
  SampleObjects all;
  all.root = add_folder(all, nested(tree));
  return all;
}

Release release_of(ReleaseNumber number, const SampleTree& tree) {
  return {.application = "shop", .number = number, .root = objects_of(tree).root};
}

std::string difference(const fs::path& folder, const SampleTree& tree) {
  SampleTree wanted = tree;
  for (const auto& [path, node] : tree) {
    for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      wanted.emplace(path.substr(0, slash), SampleNode{EntryKind::folder, {}, 0});
    }
  }
  for (const auto& [path, node] : wanted) {
    if (const std::string what = difference_at(folder / path, node); !what.empty())
      return printable(path) + ": " + what;
  }
  struct stat root{};
  if (::stat(folder.c_str(), &root) != 0 || (root.st_mode & 07777U) != 0755) return "the root's mode";
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    const std::string path = entry.path().lexically_relative(folder).string();
    if (!wanted.contains(path)) return printable(path) + ": too many";
  }
  return error ? "cannot be read" : "";
}

}  // namespace serin::apply
