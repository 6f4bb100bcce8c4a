#include "agent/apply/slot_use_process.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <set>

namespace serin::apply {

namespace {

namespace fs = std::filesystem;

/// Collects which names in one folder the paths of a process lead through.
class Names {
 public:
  explicit Names(const fs::path& folder) : prefix_(folder.string() + "/") {}

  void add(std::string_view path) {
    if (!path.starts_with(prefix_)) return;
    const std::string_view rest = path.substr(prefix_.size());
    names_.emplace(rest.substr(0, rest.find('/')));
  }
  void add_target(const fs::path& link) {
    std::error_code error;
    const fs::path target = fs::read_symlink(link, error);
    if (!error) add(target.string());
  }
  void add_mappings(const fs::path& maps) {
    std::ifstream lines(maps);
    for (std::string line; std::getline(lines, line);) {
      const std::size_t path = line.find('/');
      if (path != std::string::npos) add(std::string_view(line).substr(path));
    }
  }
  std::set<std::string> take() { return std::exchange(names_, {}); }

 private:
  std::string prefix_;
  std::set<std::string> names_;
};

std::set<std::string> names_used_by(const fs::path& process, Names& names) {
  for (const char* link : {"cwd", "exe", "root"}) names.add_target(process / link);
  std::error_code error;
  for (fs::directory_iterator fd(process / "fd", error), end; !error && fd != end; fd.increment(error)) {
    names.add_target(fd->path());
  }
  names.add_mappings(process / "maps");
  return names.take();
}

std::string command_of(const fs::path& process) {
  std::string command;
  std::ifstream comm(process / "comm");
  std::getline(comm, command);
  return command;
}

}  // namespace

std::map<std::string, SlotUse> slots_in_use(const fs::path& slots_dir) {
  std::map<std::string, SlotUse> uses;
  std::error_code error;
  const fs::path folder = fs::canonical(slots_dir, error);
  if (error) return uses;
  Names names(folder);
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::uint32_t pid = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ec != std::errc{} || parsed.ptr != name.data() + name.size()) continue;
    for (const std::string& used : names_used_by(entry->path(), names)) {
      if (!uses.contains(used)) {
        uses.emplace(used, SlotUse{.slot = used, .pid = pid, .command = command_of(entry->path())});
      }
    }
  }
  return uses;
}

}  // namespace serin::apply
