#include "protocol/tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin {

namespace {

constexpr std::string_view kMagic = "serintr1";

template <class Int>
void put(std::string& bytes, Int value) {
  for (std::size_t i = 0; i < sizeof value; ++i) {
    bytes.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> (8U * i)));
  }
}

/// Reads from the front of a view; `good` turns false at the first lack of bytes.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  template <class Int>
  Int number() {
    const std::string_view bytes = take(sizeof(Int));
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8U * i);
    }
    return static_cast<Int>(value);
  }
  std::string_view take(std::size_t count) {
    if (rest_.size() < count) {
      good_ = false;
      return {};
    }
    const std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

std::unexpected<Error> corrupt(const std::string& what) {
  return failure(ErrorKind::corrupt, "folder object: " + what);
}

struct Target {
  std::size_t ups = 0;     ///< how often ".." stands at its beginning
  std::string_view fault;  ///< what is wrong wherever the link stands; empty: nothing
};

/// Going up is allowed at the beginning only. After a name it would depend on what that name is: with a link d/up -> ..
/// the target "d/up/.." is outside, though counting says that it is d.
Target look_at_target(std::string_view target) {
  if (target.empty() || target.size() > limits::kSymlinkBytesMax || target.find('\0') != std::string_view::npos) {
    return {.fault = "has no usable target"};
  }
  if (target.front() == '/') return {.fault = "is absolute"};
  Target found;
  bool named = false;
  for (std::size_t begin = 0; begin <= target.size();) {
    const std::size_t end = std::min(target.find('/', begin), target.size());
    const std::string_view part = target.substr(begin, end - begin);
    if (part == "..") {
      if (named) return {.fault = "goes up after a name, which may be a link itself"};
      ++found.ups;
    } else if (!part.empty() && part != ".") {
      named = true;
    }
    begin = end + 1;
  }
  return found;
}

/// The fields that the kind does not have are empty, those that it has are there.
bool fits_kind(const TreeEntry& entry) {
  switch (entry.kind) {
    case EntryKind::file:
    case EntryKind::executable:
      return entry.target.empty() && entry.size <= limits::kObjectBytesMax && !entry.id.is_nothing();
    case EntryKind::folder:
      return entry.target.empty() && entry.size == 0 && entry.mtime_s == 0 && !entry.id.is_nothing();
    case EntryKind::symlink:
      return entry.size == 0 && entry.mtime_s == 0 && entry.id.is_nothing() &&
             look_at_target(entry.target).fault.empty();
  }
  return false;
}

constexpr std::size_t kEntryBytesMin = 1 + 8 + 8 + 32 + 2 + 2;

}  // namespace

std::string encode_tree(const Tree& tree) {
  std::string bytes(kMagic);
  put(bytes, static_cast<std::uint32_t>(tree.entries.size()));
  for (const TreeEntry& entry : tree.entries) {
    put(bytes, static_cast<std::uint8_t>(entry.kind));
    put(bytes, entry.mtime_s);
    put(bytes, entry.size);
    bytes += entry.id.raw();
    put(bytes, static_cast<std::uint16_t>(entry.name.size()));
    bytes += entry.name;
    put(bytes, static_cast<std::uint16_t>(entry.target.size()));
    bytes += entry.target;
  }
  return bytes;
}

Result<Tree> decode_tree(std::string_view bytes) {
  if (bytes.size() > limits::kTreeObjectBytesMax) return corrupt("too large");
  Reader reader(bytes);
  if (reader.take(kMagic.size()) != kMagic) return corrupt("not one of Serin's");
  const auto count = reader.number<std::uint32_t>();
  if (!reader.good()) return corrupt("cut off");
  if (count > limits::kFolderEntriesMax || count * kEntryBytesMin > reader.left()) return corrupt("too many entries");
  Tree tree;
  tree.entries.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    TreeEntry entry;
    const auto kind = reader.number<std::uint8_t>();
    entry.mtime_s = reader.number<std::int64_t>();
    entry.size = reader.number<std::uint64_t>();
    const auto id = ObjectId::from_raw(reader.take(32));
    entry.name = reader.take(reader.number<std::uint16_t>());
    entry.target = reader.take(reader.number<std::uint16_t>());
    if (!reader.good() || !id) return corrupt("cut off");
    entry.id = *id;
    if (kind < 1 || kind > 4) return corrupt("an entry of an unknown kind");
    entry.kind = static_cast<EntryKind>(kind);
    if (auto good = check_name(entry.name); !good) return corrupt(good.error().text);
    if (!fits_kind(entry)) return corrupt("fields that do not fit the kind of " + printable(entry.name));
    if (!tree.entries.empty() && !(tree.entries.back().name < entry.name)) return corrupt("entries out of order");
    tree.entries.push_back(std::move(entry));
  }
  if (reader.left() != 0) return corrupt("bytes left over");
  return tree;
}

Result<void> check_name(std::string_view name) {
  if (name.empty() || name == "." || name == ".." || name.size() > limits::kNameBytesMax ||
      name.find('/') != std::string_view::npos || name.find('\0') != std::string_view::npos) {
    return failure(ErrorKind::invalid, fmt::format("'{}' cannot be a name in a tree", printable(name)));
  }
  return {};
}

Result<void> check_path(std::string_view path) {
  if (path.empty()) return {};
  if (path.size() > limits::kPathBytesMax) {
    return failure(ErrorKind::invalid,
                   fmt::format("the path '{}' is longer than {} bytes", printable(path, 80), limits::kPathBytesMax));
  }
  std::size_t depth = 0;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (auto good = check_name(path.substr(begin, end - begin)); !good) {
      return failure(ErrorKind::invalid,
                     fmt::format("'{}' is no path in a tree: {}", printable(path), good.error().text));
    }
    if (++depth > limits::kTreeDepthMax) {
      return failure(ErrorKind::invalid,
                     fmt::format("'{}' is nested deeper than {} folders", printable(path, 80), limits::kTreeDepthMax));
    }
    begin = end + 1;
  }
  return {};
}

Result<void> check_symlink(std::string_view link_path, std::string_view target) {
  const auto refuse = [&](std::string_view why) {
    return failure(ErrorKind::refused,
                   fmt::format("the link {} -> {} {}: links must be relative and stay inside the tree",
                               printable(link_path), printable(target), why));
  };
  const Target looked = look_at_target(target);
  if (!looked.fault.empty()) return refuse(looked.fault);
  const auto folders_above = static_cast<std::size_t>(std::count(link_path.begin(), link_path.end(), '/'));
  if (looked.ups > folders_above) return refuse("leads out of the tree");
  return {};
}

const TreeEntry* find_entry(const Tree& tree, std::string_view name) {
  const auto found =
      std::lower_bound(tree.entries.begin(), tree.entries.end(), name,
                       [](const TreeEntry& entry, std::string_view wanted) { return entry.name < wanted; });
  return found == tree.entries.end() || found->name != name ? nullptr : &*found;
}

}  // namespace serin
