#include "controller/publish/pack_writer_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "protocol/limits.h"
#include "protocol/posix/content_folder.h"
#include "protocol/posix/files.h"
#include "protocol/text.h"

namespace serin::publish {

namespace fs = std::filesystem;

namespace {

constexpr unsigned kEncodersMax = 4;
constexpr const char* kMendFolder = "; a deploy of the whole source makes it anew";
/// That a pack leaves free: the database has the rest of it for itself.
constexpr std::uint64_t kReserveBytes = 4 * limits::kControllerReserveBytes;

/// Appends `bytes` bytes of an object from `offset` on.
Result<void> append_object(const posix::ObjectReader& objects, const ObjectId& id, std::uint64_t offset,
                           std::size_t bytes, std::string& to) {
  const auto opened = objects.open(id);
  if (!opened) return std::unexpected(opened.error());
  const std::size_t before = to.size();
  to.resize(before + bytes);
  if (posix::read_at(opened->fd.get(), offset, to.data() + before, bytes) != bytes) {
    return failure(ErrorKind::corrupt, fmt::format("object {} is shorter than its size", id.brief()));
  }
  return {};
}

}  // namespace

PackWriter::PackWriter(fs::path folder, const std::string& mark, posix::ObjectReader objects)
    : folder_(std::move(folder)),
      temporary_(folder_ / ("new." + mark)),
      objects_(std::move(objects)),
      encoders_(std::clamp(std::thread::hardware_concurrency(), 1U, kEncodersMax)) {}

Result<std::uint64_t> PackWriter::write(const ObjectId& from, const ObjectId& to, const std::stop_token& stop) {
  const auto groups = plan_pack(from, to, [this](const ObjectId& id) { return load(id); });
  if (!groups) {
    const bool is_lost = groups.error().kind == ErrorKind::corrupt || groups.error().kind == ErrorKind::not_found;
    return failure(groups.error().kind, groups.error().text + (is_lost ? kMendFolder : ""));
  }
  const fs::path& temporary = temporary_;
  const posix::UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return std::unexpected(posix::errno_error("make " + temporary.string(), errno));
  wrong_ = {};
  Sha256 hash;
  const std::string start = encode_pack_start(from, to);
  hash.update(start);
  auto written = posix::write_all(fd.get(), start, temporary.string());
  Result<std::uint64_t> bytes = start.size();
  if (written) bytes = write_groups(fd.get(), *groups, hash, stop);
  if (!written) bytes = std::unexpected(written.error());
  if (!bytes) {
    ::unlink(temporary.c_str());
    return wrong_.is_nothing() ? bytes : std::unexpected(explain(bytes.error(), from, to));
  }
  if (::rename(temporary.c_str(), (folder_ / pack_name(from, to).hex()).c_str()) != 0) {
    return std::unexpected(posix::errno_error("rename " + temporary.string(), errno));
  }
  return start.size() + *bytes;
}

Result<Tree> PackWriter::load(const ObjectId& id) const {
  const auto bytes = objects_.read(id, limits::kTreeObjectBytesMax);
  if (!bytes) return std::unexpected(bytes.error());
  return decode_tree(*bytes);
}

/// Of an object that is wrong: which path it is, since nobody knows files by their hash, and what mends it.
Error PackWriter::explain(const Error& error, const ObjectId& from, const ObjectId& to) const {
  for (const ObjectId& root : {to, from}) {
    const auto all = diff_trees({}, root, [this](const ObjectId& id) { return load(id); });
    if (!all) continue;
    const auto found =
        std::ranges::find_if(*all, [&](const PathChange& c) { return c.after && c.after->id == wrong_; });
    if (found == all->end()) continue;
    if (found->after->kind == EntryKind::folder) return {error.kind, error.text + kMendFolder};
    return {error.kind, fmt::format("{}: it is {}; touch that in the source and deploy it again", error.text,
                                    printable(found->path))};
  }
  return error;
}

/// The groups, the end and the edition.
Result<std::uint64_t> PackWriter::write_groups(int fd, const std::vector<PlannedGroup>& groups, Sha256& hash,
                                               const std::stop_token& stop) {
  std::uint64_t bytes = 0;
  const auto write = [&](const std::string& part) {
    hash.update(part);
    bytes += part.size();
    return posix::write_all(fd, part, "a pack");
  };
  std::vector<Result<std::string>> encoded(encoders_.size());
  Pieces pieces;
  for (std::size_t next = 0; next < groups.size();) {
    if (stop.stop_requested()) return failure(ErrorKind::busy, "stopping");
    if (const auto free = posix::free_space(folder_); free && free->bytes < kReserveBytes) {
      return failure(ErrorKind::no_space, fmt::format("only {} are left for packs", bytes_text(free->bytes)));
    }
    const std::size_t count = std::min(encoders_.size(), groups.size() - next);
    {
      std::vector<std::jthread> others;
      for (std::size_t i = 1; i < count; ++i) {
        others.emplace_back([&, i] { encoded[i] = encode(groups[next + i], encoders_[i]); });
      }
      encoded[0] = encode(groups[next], encoders_[0]);
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (!encoded[i]) {
        wrong_ = encoders_[i].wrong;
        return std::unexpected(encoded[i].error());
      }
      if (auto good = check_piece(groups[next + i], encoders_[i].content, pieces); !good) {
        wrong_ = pieces.id;
        return std::unexpected(good.error());
      }
      if (auto written = write(*encoded[i]); !written) return std::unexpected(written.error());
    }
    next += count;
  }
  if (auto written = write(encode_pack_end()); !written) return std::unexpected(written.error());
  const std::string edition = posix::edition_bytes(posix::edition_of(hash.finish()));
  if (auto written = posix::write_all(fd, edition, "a pack"); !written) return std::unexpected(written.error());
  return bytes + posix::kEditionBytes;
}

Result<std::string> PackWriter::encode(const PlannedGroup& group, Encoder& encoder) const {
  encoder.content.clear();
  encoder.prefix.clear();
  PackEntries entries;
  for (const PlannedEntry& planned : group) {
    const PackEntry& entry = planned.entry;
    const std::size_t before = encoder.content.size();
    encoder.wrong = entry.id;
    if (auto read = append_object(objects_, entry.id, entry.offset, entry.bytes, encoder.content); !read) {
      return std::unexpected(read.error());
    }
    if (entry.bytes == entry.object_bytes) {
      if (auto good = check(entry.id, digest_of(std::string_view(encoder.content).substr(before))); !good) {
        return std::unexpected(good.error());
      }
    }
    if (entry.base_bytes != 0) {
      encoder.wrong = planned.base;
      if (auto read = append_object(objects_, planned.base, entry.base_offset, entry.base_bytes, encoder.prefix);
          !read) {
        return std::unexpected(read.error());
      }
    }
    entries.push_back(entry);
  }
  encoder.wrong = {};
  return encode_pack_group(entries, encoder.content, encoder.prefix, encoder.compressor);
}

Result<void> PackWriter::check(const ObjectId& named, const ObjectId& hashed) const {
  if (named == hashed) return {};
  return failure(ErrorKind::corrupt, fmt::format("object {} is damaged: its bytes have another hash ({})",
                                                 named.brief(), objects_.path_of(named).string()));
}

/// An object that is larger than a group: its pieces are groups one after the other.
Result<void> PackWriter::check_piece(const PlannedGroup& group, std::string_view content, Pieces& pieces) const {
  const PackEntry& entry = group.front().entry;
  if (entry.bytes == entry.object_bytes) return {};
  if (entry.offset == 0) pieces = {.id = entry.id, .hash = {}};
  pieces.hash.update(content);
  return entry.offset + entry.bytes < entry.object_bytes ? Result<void>{} : check(pieces.id, pieces.hash.finish());
}

}  // namespace serin::publish
