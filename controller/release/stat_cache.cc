#include "controller/release/stat_cache.h"

#include <algorithm>

namespace serin::release {

namespace {

constexpr std::string_view kMagic = "serinsc1";
constexpr std::size_t kDigestBytes = 32;

template <class Int>
void put(std::string& bytes, Int value) {
  for (std::size_t i = 0; i < sizeof value; ++i) {
    bytes.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> (8U * i)));
  }
}

void put_text(std::string& bytes, std::string_view text) {
  put(bytes, static_cast<std::uint16_t>(text.size()));
  bytes += text;
}

/// Reads from the front; `good` turns false at the first lack of bytes.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  template <class Int>
  Int number() {
    std::uint64_t value = 0;
    const std::string_view bytes = take(sizeof(Int));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8U * i);
    }
    return static_cast<Int>(value);
  }
  std::string_view text() { return take(number<std::uint16_t>()); }
  std::string_view take(std::size_t count) {
    if (rest_.size() < count) {
      good_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool at_end() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

StatCache::File read_entry(Reader& reader) {
  StatCache::File file;
  file.name = reader.text();
  file.stat.bytes = reader.number<std::uint64_t>();
  file.stat.inode = reader.number<std::uint64_t>();
  file.stat.mtime_s = reader.number<std::int64_t>();
  file.stat.mtime_ns = reader.number<std::uint32_t>();
  file.stat.ctime_s = reader.number<std::int64_t>();
  file.stat.ctime_ns = reader.number<std::uint32_t>();
  file.id = ObjectId::from_raw(reader.take(kDigestBytes)).value_or(ObjectId{});
  return file;
}

}  // namespace

std::optional<StatCache> StatCache::decode(std::string_view bytes, std::string_view source) {
  if (bytes.size() < kMagic.size() + kDigestBytes || !bytes.starts_with(kMagic)) return std::nullopt;
  const std::string_view content = bytes.substr(0, bytes.size() - kDigestBytes);
  if (digest_of(content).raw() != bytes.substr(content.size())) return std::nullopt;
  Reader reader(content.substr(kMagic.size()));
  if (reader.text() != source) return std::nullopt;
  StatCache cache;
  const auto folders = reader.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < folders && reader.good(); ++i) {
    std::string folder(reader.text());
    const auto count = reader.number<std::uint32_t>();
    Files files;
    for (std::uint32_t j = 0; j < count && reader.good(); ++j) files.push_back(read_entry(reader));
    cache.folders_.emplace_hint(cache.folders_.end(), std::move(folder), std::move(files));
  }
  if (!reader.at_end()) return std::nullopt;
  return cache;
}

std::string StatCache::encode(std::string_view source) const {
  std::string bytes(kMagic);
  put_text(bytes, source);
  put(bytes, static_cast<std::uint32_t>(folders_.size()));
  for (const auto& [folder, files] : folders_) {
    put_text(bytes, folder);
    put(bytes, static_cast<std::uint32_t>(files.size()));
    for (const File& file : files) {
      put_text(bytes, file.name);
      put(bytes, file.stat.bytes);
      put(bytes, file.stat.inode);
      put(bytes, file.stat.mtime_s);
      put(bytes, file.stat.mtime_ns);
      put(bytes, file.stat.ctime_s);
      put(bytes, file.stat.ctime_ns);
      bytes += file.id.raw();
    }
  }
  bytes += digest_of(bytes).raw();
  return bytes;
}

const StatCache::Files* StatCache::find(std::string_view folder) const {
  const auto found = folders_.find(folder);
  return found == folders_.end() ? nullptr : &found->second;
}

void StatCache::set(const std::string& folder, Files files) {
  folders_.insert_or_assign(folder, std::move(files));
}

void StatCache::remove(const std::string& folder) {
  if (folder.empty()) {
    folders_.clear();
    return;
  }
  folders_.erase(folder);
  const std::string inside = folder + "/";
  auto at = folders_.lower_bound(inside);
  while (at != folders_.end() && at->first.starts_with(inside)) at = folders_.erase(at);
}

void StatCache::take(const StatCache& newer) {
  for (const auto& [folder, files] : newer.folders_) set(folder, files);
}

const StatCache::File* find_file(const StatCache::Files& files, std::string_view name) {
  const auto found =
      std::lower_bound(files.begin(), files.end(), name,
                       [](const StatCache::File& file, std::string_view wanted) { return file.name < wanted; });
  return found == files.end() || found->name != name ? nullptr : &*found;
}

}  // namespace serin::release
