// Tells every target that a set of symlinks ever has, for tests that ask "did any host run this?".
//
//   watch_links NAME=LINK...
//
// Prints "NAME TARGET" (the target's last component; "-" when there is no link) for each link at the start and again
// whenever it changes, one line each, unbuffered. Sleeps in between: inotify on the links' folders, which must exist. A
// target is missed only if the link is replaced twice within the few microseconds until it is read. Ends on SIGTERM and
// with its parent; exit 2 on wrong usage, 1 when it cannot watch.
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>
#include <vector>

#include "protocol/posix/unique_fd.h"

namespace {

struct Link {
  std::string name;
  std::filesystem::path path;
  std::string target;
};

std::string target_of(const std::filesystem::path& link) {
  std::error_code none;
  const auto target = std::filesystem::read_symlink(link, none);
  return none ? "-" : target.filename().string();
}

void tell_if_changed(Link& link) {
  auto target = target_of(link.path);
  if (target == link.target) return;
  link.target = std::move(target);
  std::printf("%s %s\n", link.name.c_str(), link.target.c_str());
  std::fflush(stdout);
}

int watch(std::vector<Link>& links) {
  const serin::posix::UniqueFd events(::inotify_init1(IN_CLOEXEC));
  std::map<int, std::vector<std::size_t>> links_of_folder;
  for (std::size_t i = 0; i < links.size(); ++i) {
    const auto folder = links[i].path.parent_path();
    const int watch =
        ::inotify_add_watch(events.get(), folder.c_str(), IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE);
    if (watch < 0) {
      std::fprintf(stderr, "watch_links: cannot watch %s: %s\n", folder.c_str(), std::strerror(errno));
      return 1;
    }
    links_of_folder[watch].push_back(i);
  }
  for (auto& link : links) tell_if_changed(link);

  alignas(inotify_event) std::array<char, 64U << 10U> buffer{};
  for (;;) {
    const auto bytes = ::read(events.get(), buffer.data(), buffer.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes <= 0) return 1;
    for (std::size_t at = 0; at < static_cast<std::size_t>(bytes);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      at += sizeof event + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        std::fprintf(stderr, "watch_links: too many changes, some were not seen\n");
        return 1;
      }
      for (const auto i : links_of_folder[event.wd]) tell_if_changed(links[i]);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto parent = ::getppid();
  std::vector<Link> links;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto equals = argument.find("=/");
    if (equals == 0 || equals == std::string::npos) {
      links.clear();
      break;
    }
    links.push_back({.name = argument.substr(0, equals), .path = argument.substr(equals + 1), .target = {}});
  }
  if (links.empty()) {
    std::fprintf(stderr, "usage: watch_links NAME=/ABSOLUTE/LINK...\n");
    return 2;
  }
  if (::prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || ::getppid() != parent) return 1;
  return watch(links);
}
