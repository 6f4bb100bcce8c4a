#include "agent/apply/live_path_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "protocol/posix/files.h"

namespace serin::apply {

namespace fs = std::filesystem;

namespace {

bool is_mount_point(const fs::path& path) {
  struct statx info{};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &info) != 0) return false;
  return (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

fs::path resolved_target(const fs::path& live) {
  std::error_code error;
  const fs::path target = fs::read_symlink(live, error);
  const fs::path whole = (target.is_absolute() ? target : live.parent_path() / target).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
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
  if (status.type() == fs::file_type::directory) {
    return refuse("it is a real folder; Serin switches a link there and does not take over folders: move it aside");
  }
  if (status.type() != fs::file_type::symlink) return refuse("it is no link: move it aside");
  const fs::path target = resolved_target(live);
  if (target.parent_path() != slots_dir.lexically_normal()) {
    return refuse(
        fmt::format("it is a link to {}, which is none of Serin's slots in {}: remove the link if nobody needs it",
                    target.string(), slots_dir.string()));
  }
  if (!fs::is_directory(target, error)) {
    return refuse(
        fmt::format("it is a link to {}, which does not exist: remove the link, and the release is deployed again",
                    target.string()));
  }
  return {};
}

Result<std::string> live_slot_of(const fs::path& live, const fs::path& slots_dir) {
  if (auto good = check_live_path(live, slots_dir); !good) return std::unexpected(good.error());
  std::error_code error;
  if (fs::symlink_status(live, error).type() == fs::file_type::not_found) return std::string{};
  return resolved_target(live).filename().string();
}

Result<void> point_live_path(const fs::path& live, const fs::path& slot) {
  const fs::path fresh = live.string() + ".serin-new";
  const bool beside = slot.parent_path().parent_path() == live.parent_path();
  const fs::path target = beside ? slot.lexically_relative(live.parent_path()) : slot;
  if (::unlink(fresh.c_str()) != 0 && errno != ENOENT) {
    return std::unexpected(posix::errno_error("remove " + fresh.string(), errno));
  }
  if (::symlink(target.c_str(), fresh.c_str()) != 0) {
    return std::unexpected(posix::errno_error("make the link " + fresh.string(), errno));
  }
  if (::rename(fresh.c_str(), live.c_str()) != 0) {
    return std::unexpected(posix::errno_error("rename " + fresh.string() + " to " + live.string(), errno));
  }
  return posix::sync_folder(live.parent_path());
}

}  // namespace serin::apply
