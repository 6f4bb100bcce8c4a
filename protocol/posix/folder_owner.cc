#include "protocol/posix/folder_owner.h"

#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "protocol/posix/files.h"

namespace serin::posix {

namespace {

/// Of the folder, when it is another user's and this process is root.
std::optional<struct stat> foreign_owner(const std::filesystem::path& folder) {
  struct stat found{};
  if (::geteuid() != 0 || ::stat(folder.c_str(), &found) != 0 || found.st_uid == 0) return std::nullopt;
  return found;
}

}  // namespace

Result<void> become_owner_of(const std::filesystem::path& folder) {
  const auto owner = foreign_owner(folder);
  if (!owner) return {};
  // The user last: it may not change groups.
  if (::setgroups(0, nullptr) != 0 || ::setresgid(owner->st_gid, owner->st_gid, owner->st_gid) != 0 ||
      ::setresuid(owner->st_uid, owner->st_uid, owner->st_uid) != 0) {
    return std::unexpected(
        errno_error(fmt::format("become user {}, whose {} is", owner->st_uid, folder.string()), errno));
  }
  return {};
}

Result<void> check_own_folder(const std::filesystem::path& folder, const std::string& service) {
  const auto owner = foreign_owner(folder);
  if (!owner) return {};
  return failure(ErrorKind::refused,
                 fmt::format("{} belongs to user {}, and root would leave files in it that this user cannot read: "
                             "systemctl start {}, or run this as that user",
                             folder.string(), owner->st_uid, service));
}

}  // namespace serin::posix
