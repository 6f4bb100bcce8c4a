#include "agent/pull/unpacker_file.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "protocol/limits.h"
#include "protocol/posix/files.h"
#include "protocol/text.h"

namespace serin::pull {

namespace {

/// Between two marks: an interrupted pull gets so much again at most, and a small one writes none.
constexpr std::uint64_t kMarkEvery = 4U << 20;

}  // namespace

Unpacker::Unpacker(PullSession& session, apply::SlotDir& slots, ObjectId to, PackMark mark,
                   std::function<Result<void>()> on_folders_known, std::stop_token stop)
    : session_(session),
      slots_(slots),
      from_(slots.base()),
      to_(to),
      on_folders_known_(std::move(on_folders_known)),
      stop_(std::move(stop)),
      reader_(from_, to, mark.offset),
      before_(mark),
      marked_(mark.offset) {
  // Without it everything that is told against it comes object by object.
  if (auto base = slots.open_base()) base_ = std::move(*base);
}

Unpacker::~Unpacker() {
  if (!growing_ || !growing_->marked) drop_growing();
}

Result<void> Unpacker::append(const AppendPack& part) {
  if (part.offset == 0) {
    reader_ = PackReader(from_, to_);
    before_ = {};
    marked_ = 0;
  }
  reader_.feed(part.bytes);
  while (true) {
    if (stop_.stop_requested()) return failure(ErrorKind::busy, "stopped: a newer order took its place");
    const auto group = reader_.next();
    if (!group) {
      no_pack_ = true;
      spdlog::warn("the pack is damaged ({}): the rest comes object by object", group.error().text);
      session_.give_up_pack();
      return {};
    }
    if (!*group) return {};
    if ((*group)->start >= marked_ + kMarkEvery) keep_mark((*group)->start);
    if (auto unpacked = unpack(**group); !unpacked) return unpacked;
  }
}

/// Everything before it is on the disk; of a folder that is half there only in memory.
void Unpacker::keep_mark(std::uint64_t start) {
  if (growing_ && !growing_->fd) return;
  PackMark mark{.edition = session_.pack_edition(), .offset = start, .growing = {}};
  if (growing_) {
    mark.growing = growing_->id;
    mark.growing_bytes = growing_->bytes;
    growing_->marked = true;
  }
  marked_ = start;
  slots_.keep_pack_mark(from_, to_, mark);
}

/// Takes up the file of which an earlier pull had the first pieces; without them it comes by its name.
void Unpacker::resume(const PackEntry& entry) {
  const PackMark before = std::exchange(before_, {});
  if (entry.is_folder || entry.offset != before.growing_bytes || !session_.wants_file(entry.id, entry.object_bytes)) {
    return;
  }
  auto fd = slots_.resume_incoming(entry.id, before.growing_bytes);
  if (!fd) return;
  Growing growing{.id = entry.id, .fd = std::move(*fd), .folder = {}, .hash = {}, .bytes = 0, .marked = true};
  content_.resize(limits::kPackContentBytesMax);
  while (growing.bytes < before.growing_bytes) {
    const auto wanted = std::min<std::uint64_t>(content_.size(), before.growing_bytes - growing.bytes);
    const std::size_t got = posix::read_at(growing.fd.get(), growing.bytes, content_.data(), wanted);
    if (got == 0 || stop_.stop_requested()) return;
    growing.hash.update(std::string_view(content_).substr(0, got));
    growing.bytes += got;
  }
  growing_.emplace(std::move(growing));
}

bool Unpacker::wants(const PackEntry& entry) const {
  if (entry.offset != 0) {
    return growing_ && growing_->id == entry.id && growing_->bytes == entry.offset;
  }
  return entry.is_folder ? session_.wants_folder(entry.id) : session_.wants_file(entry.id, entry.object_bytes);
}

Result<void> Unpacker::unpack(const PackReader::Group& group) {
  if (!before_.growing.is_nothing() && group.entries.front().id == before_.growing) resume(group.entries.front());
  // Folders within one group make each other wanted, so that the first one decides.
  const bool wanted =
      std::any_of(group.entries.begin(), group.entries.end(), [this](const PackEntry& entry) { return wants(entry); });
  if (!wanted) {
    // Folders come first: if one is missing now no file of the pack can be taken.
    if (!group.entries.front().is_folder && !session_.folders_known()) session_.give_up_pack();
    return {};
  }
  const bool has_files =
      std::any_of(group.entries.begin(), group.entries.end(), [](const PackEntry& entry) { return !entry.is_folder; });
  if (has_files && !std::exchange(space_checked_, true)) {
    if (auto fits = on_folders_known_(); !fits) return fits;
  }
  if (!read_prefix(group.entries)) return {};
  content_.resize(content_bytes(group.entries));
  if (!decompressor_.decompress(group.frame, prefix_, content_)) {
    note_unfit(group.entries.front());
    return {};
  }
  std::string_view rest = content_;
  for (const PackEntry& entry : group.entries) {
    const std::string_view bytes = rest.substr(0, entry.bytes);
    rest.remove_prefix(entry.bytes);
    if (!wants(entry)) continue;
    if (auto kept = keep(entry, bytes); !kept) return kept;
  }
  return {};
}

/// False when the host does not have it: its live tree is not what it should be.
bool Unpacker::read_prefix(const PackEntries& entries) {
  prefix_.clear();
  for (const PackEntry& entry : entries) {
    if (entry.base_bytes == 0) continue;
    const auto read = entry.is_folder
                          ? base_.append_folder(entry.base_path, entry.base_offset, entry.base_bytes, prefix_)
                          : base_.append_file(entry.base_path, entry.base_offset, entry.base_bytes, prefix_);
    if (!read) return false;
  }
  return true;
}

Result<void> Unpacker::keep(const PackEntry& entry, std::string_view bytes) {
  if (entry.bytes != entry.object_bytes) return keep_piece(entry, bytes);
  if (digest_of(bytes) != entry.id) {
    note_unfit(entry);
    return {};
  }
  if (entry.is_folder) return keep_folder(entry.id, bytes);
  auto fd = slots_.begin_incoming(entry.id);
  if (!fd) return std::unexpected(fd.error());
  if (auto written = posix::write_all(fd->get(), bytes, "an incoming object"); !written) {
    slots_.drop_incoming(entry.id);
    return written;
  }
  return finish_file(entry.id);
}

Result<void> Unpacker::keep_piece(const PackEntry& entry, std::string_view bytes) {
  if (entry.offset == 0) {
    drop_growing();
    growing_.emplace(Growing{.id = entry.id});
    if (!entry.is_folder) {
      auto fd = slots_.begin_incoming(entry.id);
      if (!fd) return std::unexpected(fd.error());
      growing_->fd = std::move(*fd);
    }
  }
  Growing& growing = *growing_;
  if (entry.is_folder) {
    growing.folder += bytes;
  } else if (auto written = posix::write_all(growing.fd.get(), bytes, "an incoming object"); !written) {
    return written;
  }
  growing.hash.update(bytes);
  growing.bytes += bytes.size();
  if (growing.bytes < entry.object_bytes) return {};
  if (growing.bytes > entry.object_bytes || growing.hash.finish() != entry.id) {
    note_unfit(entry);
    drop_growing();
    return {};
  }
  const std::string folder = std::move(growing.folder);
  growing_.reset();
  return entry.is_folder ? keep_folder(entry.id, folder) : finish_file(entry.id);
}

/// Told once for each pack: the objects come by their names, whatever it is.
void Unpacker::note_unfit(const PackEntry& entry) {
  if (unfit_++ != 0) return;
  spdlog::warn("the pack does not yield object {}{}: what lacks comes object by object", entry.id.brief(),
               entry.base_bytes == 0 ? std::string(": it is damaged")
                                     : fmt::format(": it is damaged, or {} of the live tree is not the release's",
                                                   printable(entry.base_path)));
}

void Unpacker::drop_growing() {
  if (growing_ && growing_->fd) slots_.drop_incoming(growing_->id);
  growing_.reset();
}

Result<void> Unpacker::keep_folder(const ObjectId& id, std::string_view bytes) {
  const auto tree = decode_tree(bytes);
  if (!tree) return failure(ErrorKind::refused, "the release has a folder that is none: " + tree.error().text);
  if (auto put = slots_.put_tree(id, bytes); !put) return put;
  ++objects_;
  return session_.take_folder(id, *tree);
}

Result<void> Unpacker::finish_file(const ObjectId& id) {
  if (auto finished = slots_.finish_incoming(id); !finished) return finished;
  ++objects_;
  session_.take_file(id);
  return {};
}

}  // namespace serin::pull
