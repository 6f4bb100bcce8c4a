#include "agent/apply/live_path_dir.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "agent/apply/folder_dir.h"
#include "agent/apply/host_step.h"
#include "protocol/posix/files.h"

namespace serin::apply {

namespace fs = std::filesystem;

namespace {

fs::path resolved_target(const fs::path& live) {
  std::error_code error;
  const fs::path target = fs::read_symlink(live, error);
  const fs::path whole = (target.is_absolute() ? target : live.parent_path() / target).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
}

/// A link at `path`, which lies beside the live path, as the live path is to be.
Result<void> make_live_link(const fs::path& live, const fs::path& slot, const fs::path& path) {
  const bool beside = slot.parent_path().parent_path() == live.parent_path();
  const fs::path target = beside ? slot.lexically_relative(live.parent_path()) : slot;
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return std::unexpected(posix::errno_error("remove " + path.string(), errno));
  }
  if (::symlink(target.c_str(), path.c_str()) != 0) {
    return std::unexpected(posix::errno_error("make the link " + path.string(), errno));
  }
  return {};
}

}  // namespace

Result<void> check_live_path(const fs::path& live, const fs::path& slots_dir) {
  const auto refuse = [&](const std::string& why) {
    return failure(ErrorKind::refused, fmt::format("live path {}: {}", live.string(), why));
  };
  std::error_code error;
  if (!fs::is_directory(live.parent_path(), error)) {
    return refuse(
        fmt::format("the folder {} that should hold it does not exist: create it", live.parent_path().string()));
  }
  const fs::file_status status = fs::symlink_status(live, error);
  if (status.type() == fs::file_type::not_found) return {};
  if (is_mount_point(live)) {
    return refuse(
        fmt::format("it is a mount point, which cannot be switched: mount {} instead", live.parent_path().string()));
  }
  if (status.type() == fs::file_type::directory) return {};
  if (status.type() != fs::file_type::symlink) return refuse("it is no link: move it aside");
  const fs::path target = resolved_target(live);
  if (target.parent_path() != slots_dir.lexically_normal()) {
    return refuse(
        fmt::format("it is a link to {}, which is none of Serin's slots in {}: remove the link if nobody needs it",
                    target.string(), slots_dir.string()));
  }
  if (!fs::is_directory(target, error)) {
    return refuse(fmt::format(
        "it is a link to {}, which does not exist: mount its file system if it has one of its own, else remove "
        "the link; the release is deployed again within minutes, or when serin-agent is restarted",
        target.string()));
  }
  return {};
}

Result<std::string> live_slot_of(const fs::path& live, const fs::path& slots_dir) {
  if (auto good = check_live_path(live, slots_dir); !good) return std::unexpected(good.error());
  std::error_code error;
  const fs::file_type type = fs::symlink_status(live, error).type();
  if (type == fs::file_type::not_found) return std::string{};
  if (type == fs::file_type::directory) return kAdoptedSlot;
  return resolved_target(live).filename().string();
}

Result<void> point_live_path(const fs::path& live, const fs::path& slot) {
  const fs::path fresh = live.string() + ".serin-new";
  if (auto made = make_live_link(live, slot, fresh); !made) return made;
  if (::rename(fresh.c_str(), live.c_str()) != 0) {
    return std::unexpected(posix::errno_error("rename " + fresh.string() + " to " + live.string(), errno));
  }
  return posix::sync_folder(live.parent_path());
}

fs::path adopted_path(const fs::path& live) {
  return live.string() + ".adopted";
}

Result<void> clear_adopted_path(const fs::path& live, const fs::path& slots_dir) {
  const fs::path aside = adopted_path(live);
  std::error_code error;
  if (fs::symlink_status(aside, error).type() != fs::file_type::symlink) return {};
  if (resolved_target(aside).parent_path() != slots_dir.lexically_normal()) return {};
  if (::unlink(aside.c_str()) != 0) {
    return std::unexpected(posix::errno_error("remove the link " + aside.string(), errno));
  }
  return {};
}

Result<void> check_adopted_is_free(const fs::path& live) {
  std::error_code error;
  if (fs::symlink_status(adopted_path(live), error).type() == fs::file_type::not_found) return {};
  return failure(ErrorKind::refused,
                 fmt::format("live path {}: it is a real folder, which goes to {}, and something is there from before: "
                             "move that away",
                             live.string(), adopted_path(live).string()));
}

Result<void> adopt_live_path(const fs::path& live, const fs::path& slot) {
  const fs::path aside = adopted_path(live);
  if (auto free = check_adopted_is_free(live); !free) return free;
  if (auto made = make_live_link(live, slot, aside); !made) return made;
  if (auto exchanged = exchange_names(live, aside); !exchanged) {
    ::unlink(aside.c_str());
    return exchanged;
  }
  return posix::sync_folder(live.parent_path());
}

Result<void> restore_live_path(const fs::path& live) {
  const fs::path aside = adopted_path(live);
  std::error_code error;
  if (fs::symlink_status(aside, error).type() != fs::file_type::directory) {
    return failure(ErrorKind::not_found, fmt::format("there is no adopted folder {}", aside.string()));
  }
  if (auto exchanged = exchange_names(live, aside); !exchanged) return exchanged;
  if (auto synced = posix::sync_folder(live.parent_path()); !synced) return synced;
  if (::unlink(aside.c_str()) != 0) {
    return std::unexpected(posix::errno_error("remove the link " + aside.string(), errno));
  }
  return {};
}

}  // namespace serin::apply
