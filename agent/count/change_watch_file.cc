#include "agent/count/change_watch_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "protocol/posix/files.h"
#include "protocol/posix/unique_fd.h"

namespace serin::count {
namespace {

constexpr std::uint32_t kFolderEvents =
    IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::uint32_t kGrowthEvents = IN_MODIFY | IN_ONESHOT;
/// Events of one take(): a folder in which files come and go all the time must not hold up the reading.
constexpr std::size_t kChangesMax = 4'096;

/// Filesystems whose files change without this kernel's doing, or under another inode.
constexpr std::array<unsigned long, 10> kUntold = {
    NFS_SUPER_MAGIC, SMB_SUPER_MAGIC,       AFS_SUPER_MAGIC,       CODA_SUPER_MAGIC,      OVERLAYFS_SUPER_MAGIC,
    V9FS_MAGIC,      0x65735546 /* FUSE */, 0xFF534D42 /* CIFS */, 0xFE534D42 /* SMB2 */, 0x00C36400 /* Ceph */};

Result<void> expect_told(const std::string& path) {
  struct statfs status{};
  if (::statfs(path.c_str(), &status) != 0) return std::unexpected(posix::errno_error("statfs " + path, errno));
  const auto type = static_cast<unsigned long>(status.f_type) & 0xFFFFFFFFUL;
  if (std::ranges::find(kUntold, type) == kUntold.end()) return {};
  return failure(ErrorKind::unsupported, fmt::format("{}: a filesystem that does not tell of all changes", path));
}

class InotifyWatch : public ChangeWatch {
 public:
  Result<int> watch_folder(const std::string& path) override { return add(path, kFolderEvents); }
  // By the descriptor's entry: the name may lead to another file by now.
  Result<int> watch_growth(int file) override { return add(fmt::format("/proc/self/fd/{}", file), kGrowthEvents); }
  [[nodiscard]] int fd() const override { return fd_.get(); }
  void forget(int watch) override { ::inotify_rm_watch(fd_.get(), watch); }

  Changes take() override {
    Changes changes;
    alignas(inotify_event) std::array<char, 16U << 10> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    while (fd_ && changes.all.size() < kChangesMax) {
      const auto got = ::read(fd_.get(), buffer.data(), buffer.size());
      if (got <= 0) break;
      add_changes({buffer.data(), static_cast<std::size_t>(got)}, changes);
    }
    return changes;
  }

 private:
  Result<int> add(const std::string& path, std::uint32_t events) {
    if (!fd_) fd_ = posix::UniqueFd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!fd_) return std::unexpected(posix::errno_error("inotify_init1", errno));
    if (auto told = expect_told(path); !told) return std::unexpected(told.error());
    const int watch = ::inotify_add_watch(fd_.get(), path.c_str(), events);
    if (watch < 0) return std::unexpected(posix::errno_error("watch " + path, errno));
    return watch;
  }

  static void add_changes(std::string_view events, Changes& changes) {
    while (events.size() >= sizeof(inotify_event)) {
      inotify_event event{};
      std::memcpy(&event, events.data(), sizeof event);
      const auto name = events.substr(sizeof event, event.len);
      events.remove_prefix(sizeof event + event.len);
      if ((event.mask & IN_Q_OVERFLOW) != 0) changes.lost = true;
      if (event.wd < 0) continue;
      changes.all.push_back({.watch = event.wd,
                             .name = std::string(name.substr(0, name.find('\0'))),
                             .over = (event.mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) != 0});
    }
  }

  posix::UniqueFd fd_;
};

}  // namespace

std::unique_ptr<ChangeWatch> make_inotify_watch() {
  return std::make_unique<InotifyWatch>();
}

}  // namespace serin::count
