#include "protocol/pack.h"

#include <fmt/format.h>

#include <array>
#include <concepts>
#include <cstring>

#include "protocol/limits.h"
#include "protocol/tree.h"

namespace serin {

namespace {

constexpr std::string_view kMagic = "serinpk1";
constexpr std::size_t kStartBytes = 8 + 32 + 32;
constexpr std::size_t kHeadBytes = 5 * sizeof(std::uint32_t);
constexpr std::size_t kEntryBytes = 1 + 32 + 8 + 8 + 4 + 8 + 4 + 2;
constexpr std::uint8_t kFolder = 1;
constexpr std::uint8_t kFile = 2;

template <std::unsigned_integral T>
void put(std::string& to, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i)
    to += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xFFU);
}

template <std::unsigned_integral T>
T get(std::string_view& from) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value | static_cast<T>(static_cast<T>(static_cast<unsigned char>(from[i])) << (8 * i)));
  }
  from.remove_prefix(sizeof(T));
  return value;
}

std::unexpected<Error> corrupt(std::string what) {
  return failure(ErrorKind::corrupt, "pack: " + std::move(what));
}

struct Head {
  std::uint32_t entries = 0, entries_stored = 0, prefix = 0, content = 0, content_stored = 0;
  friend bool operator==(const Head&, const Head&) = default;
};

Result<Head> decode_head(std::string_view bytes) {
  Head head;
  for (std::uint32_t* field :
       {&head.entries, &head.entries_stored, &head.prefix, &head.content, &head.content_stored}) {
    *field = get<std::uint32_t>(bytes);
  }
  if (head == Head{}) return head;
  if (head.entries < kEntryBytes || head.entries > limits::kPackEntryBytesMax ||
      head.entries_stored > limits::kPackEntryBytesMax || head.prefix > limits::kPackPrefixBytesMax ||
      head.content > limits::kPackContentBytesMax || head.content_stored > limits::kPackFrameBytesMax) {
    return corrupt("a group is larger than allowed");
  }
  return head;
}

std::string encode_entries(const PackEntries& entries) {
  std::string bytes;
  for (const PackEntry& entry : entries) {
    put(bytes, entry.is_folder ? kFolder : kFile);
    bytes += entry.id.raw();
    put(bytes, entry.object_bytes);
    put(bytes, entry.offset);
    put(bytes, entry.bytes);
    put(bytes, entry.base_offset);
    put(bytes, entry.base_bytes);
    put(bytes, static_cast<std::uint16_t>(entry.base_path.size()));
    bytes += entry.base_path;
  }
  return bytes;
}

Result<void> check_entry(const PackEntry& entry) {
  const std::uint64_t most = entry.is_folder ? limits::kTreeObjectBytesMax : limits::kObjectBytesMax;
  if (entry.object_bytes > most || entry.offset > entry.object_bytes ||
      entry.bytes > entry.object_bytes - entry.offset || (entry.bytes == 0 && entry.object_bytes != 0)) {
    return corrupt("an entry does not fit its object");
  }
  if (auto good = check_path(entry.base_path); !good) return corrupt("a base: " + good.error().text);
  return {};
}

Result<PackEntries> decode_entries(std::string_view bytes) {
  PackEntries entries;
  while (!bytes.empty()) {
    if (bytes.size() < kEntryBytes) return corrupt("an entry is cut off");
    PackEntry entry;
    const auto kind = get<std::uint8_t>(bytes);
    if (kind != kFolder && kind != kFile) return corrupt("an entry of an unknown kind");
    entry.is_folder = kind == kFolder;
    entry.id = *ObjectId::from_raw(bytes.substr(0, 32));
    bytes.remove_prefix(32);
    entry.object_bytes = get<std::uint64_t>(bytes);
    entry.offset = get<std::uint64_t>(bytes);
    entry.bytes = get<std::uint32_t>(bytes);
    entry.base_offset = get<std::uint64_t>(bytes);
    entry.base_bytes = get<std::uint32_t>(bytes);
    const auto length = get<std::uint16_t>(bytes);
    if (bytes.size() < length) return corrupt("an entry is cut off");
    entry.base_path = bytes.substr(0, length);
    bytes.remove_prefix(length);
    if (auto good = check_entry(entry); !good) return std::unexpected(good.error());
    entries.push_back(std::move(entry));
    if (entries.size() > limits::kPackEntriesOfGroup) return corrupt("a group of too many entries");
  }
  return entries;
}

}  // namespace

ObjectId pack_name(const ObjectId& from, const ObjectId& to) {
  return digest_of(encode_pack_start(from, to));
}

std::uint64_t content_bytes(const PackEntries& entries) {
  std::uint64_t sum = 0;
  for (const PackEntry& entry : entries) sum += entry.bytes;
  return sum;
}

std::uint64_t prefix_bytes(const PackEntries& entries) {
  std::uint64_t sum = 0;
  for (const PackEntry& entry : entries) sum += entry.base_bytes;
  return sum;
}

std::string encode_pack_start(const ObjectId& from, const ObjectId& to) {
  std::string bytes(kMagic);
  bytes += from.raw();
  bytes += to.raw();
  return bytes;
}

std::string encode_pack_group(const PackEntries& entries, std::string_view content, std::string_view prefix,
                              Compressor& compressor) {
  const std::string plain = encode_entries(entries);
  std::string stored;
  compressor.append_frame(plain, {}, stored);
  const std::size_t entries_stored = stored.size();
  compressor.append_frame(content, prefix, stored);
  std::string bytes;
  for (const std::size_t field :
       {plain.size(), entries_stored, prefix.size(), content.size(), stored.size() - entries_stored}) {
    put(bytes, static_cast<std::uint32_t>(field));
  }
  return bytes + stored;
}

std::string encode_pack_end() {
  return std::string(kHeadBytes, '\0');
}

PackReader::PackReader(ObjectId from, ObjectId to, std::uint64_t at)
    : from_(from), to_(to), at_(at), started_(at != 0) {}

Result<bool> PackReader::read_start() {
  if (started_) return true;
  if (waiting_.size() < kStartBytes) return false;
  if (std::string_view(waiting_).substr(0, kStartBytes) != encode_pack_start(from_, to_)) {
    return corrupt("it is none, or one between other trees");
  }
  taken_ = at_ = kStartBytes;
  started_ = true;
  return true;
}

Result<std::optional<PackReader::Group>> PackReader::next() {
  const auto started = read_start();
  if (!started) return std::unexpected(started.error());
  waiting_.erase(0, taken_);
  taken_ = 0;
  if (ended_) {
    if (!waiting_.empty()) return corrupt("something follows its end");
    return std::nullopt;
  }
  if (!*started || waiting_.size() < kHeadBytes) return std::nullopt;
  const std::string_view bytes = waiting_;
  const auto head = decode_head(bytes.substr(0, kHeadBytes));
  if (!head) return std::unexpected(head.error());
  if (*head == Head{}) {
    ended_ = true;
    taken_ = kHeadBytes;
    return next();
  }
  const std::size_t whole = kHeadBytes + head->entries_stored + head->content_stored;
  if (bytes.size() < whole) return std::nullopt;
  entries_.resize(head->entries);
  if (auto plain = decompressor_.decompress(bytes.substr(kHeadBytes, head->entries_stored), {}, entries_); !plain) {
    return std::unexpected(plain.error());
  }
  auto entries = decode_entries(entries_);
  if (!entries) return std::unexpected(entries.error());
  if (content_bytes(*entries) != head->content || prefix_bytes(*entries) != head->prefix) {
    return corrupt("the sums of a group do not fit its entries");
  }
  Group group{.entries = std::move(*entries),
              .frame = bytes.substr(kHeadBytes + head->entries_stored, head->content_stored),
              .start = at_};
  taken_ = whole;
  at_ += whole;
  return group;
}

}  // namespace serin
