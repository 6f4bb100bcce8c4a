#include "agent/apply/tree_lookup.h"

namespace serin::apply {

TreeLookup::TreeLookup(const ObjectId& root, const TreeLoader& load) : load_(load) {
  auto tree = root.is_nothing() ? Result<Tree>(Tree{}) : load_(root);
  levels_.push_back({.path = {}, .tree = tree ? std::move(*tree) : Tree{}});
}

const TreeEntry* TreeLookup::find(const std::string& path) {
  while (!path.starts_with(levels_.back().path)) levels_.pop_back();
  while (true) {
    const std::size_t begin = levels_.back().path.size();
    const std::size_t slash = path.find('/', begin);
    const TreeEntry* found = entry(std::string_view(path).substr(begin, slash - begin));
    if (found == nullptr || slash == std::string::npos) return found;
    if (found->kind != EntryKind::folder) return nullptr;
    auto tree = load_(found->id);
    if (!tree) return nullptr;
    levels_.push_back({.path = path.substr(0, slash + 1), .tree = std::move(*tree)});
  }
}

}  // namespace serin::apply
