#include "agent/apply/base_tree_dir.h"

#include <fcntl.h>

#include "protocol/posix/files.h"
#include "protocol/text.h"

namespace serin::apply {

namespace {

std::unexpected<Error> lacks(const std::string& path) {
  return failure(ErrorKind::not_found, printable(path) + " is not in the live tree as it should be");
}

}  // namespace

struct BaseTree::Parts {
  Parts(FolderRoot with_folder, const ObjectId& with_root, TreeLoader with_load)
      : folder(std::move(with_folder)), root(with_root), load(std::move(with_load)), lookup(root, load) {}
  FolderRoot folder;
  ObjectId root;
  TreeLoader load;
  TreeLookup lookup;
  ObjectId encoded_id;  ///< of what `encoded` holds
  std::string encoded;
};

BaseTree::BaseTree() = default;
BaseTree::BaseTree(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
BaseTree::BaseTree(BaseTree&&) noexcept = default;
BaseTree& BaseTree::operator=(BaseTree&&) noexcept = default;
BaseTree::~BaseTree() = default;

Result<BaseTree> BaseTree::open(const std::filesystem::path& folder, const ObjectId& root, TreeLoader load) {
  auto opened = FolderRoot::open(folder);
  if (!opened) return std::unexpected(opened.error());
  return BaseTree(std::make_unique<Parts>(std::move(*opened), root, std::move(load)));
}

Result<void> BaseTree::append_file(const std::string& path, std::uint64_t offset, std::uint32_t bytes,
                                   std::string& to) {
  if (!parts_) return lacks(path);
  const auto folder = parts_->folder.folder(parent_of(path));
  if (!folder) return lacks(path);
  const posix::UniqueFd fd(
      ::openat(*folder, name_in(path).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!fd) return lacks(path);
  const std::size_t before = to.size();
  to.resize(before + bytes);
  if (posix::read_at(fd.get(), offset, to.data() + before, bytes) != bytes) return lacks(path);
  return {};
}

Result<void> BaseTree::append_folder(const std::string& path, std::uint64_t offset, std::uint32_t bytes,
                                     std::string& to) {
  if (!parts_) return lacks(path);
  ObjectId id = parts_->root;
  if (!path.empty()) {
    const TreeEntry* entry = parts_->lookup.find(path);
    if (entry == nullptr || entry->kind != EntryKind::folder) return lacks(path);
    id = entry->id;
  }
  if (id != parts_->encoded_id || parts_->encoded.empty()) {
    const auto tree = parts_->load(id);
    if (!tree) return lacks(path);
    parts_->encoded = encode_tree(*tree);
    parts_->encoded_id = id;
  }
  if (offset > parts_->encoded.size() || bytes > parts_->encoded.size() - offset) return lacks(path);
  to.append(parts_->encoded, offset, bytes);
  return {};
}

}  // namespace serin::apply
