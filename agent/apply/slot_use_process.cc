#include "agent/apply/slot_use_process.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

namespace serin::apply {

namespace {

namespace fs = std::filesystem;

bool beneath(const std::string& path, const std::string& folder) {
  return path.size() > folder.size() ? path.starts_with(folder) && path[folder.size()] == '/' : path == folder;
}

bool link_leads_into(const fs::path& link, const std::string& folder) {
  std::error_code error;
  const fs::path target = fs::read_symlink(link, error);
  return !error && beneath(target.string(), folder);
}

bool maps_into(const fs::path& maps, const std::string& folder) {
  std::ifstream lines(maps);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t path = line.find('/');
    if (path != std::string::npos && beneath(line.substr(path), folder)) return true;
  }
  return false;
}

bool uses(const fs::path& process, const std::string& folder) {
  for (const char* link : {"cwd", "exe", "root"}) {
    if (link_leads_into(process / link, folder)) return true;
  }
  std::error_code error;
  for (fs::directory_iterator fd(process / "fd", error), end; !error && fd != end; fd.increment(error)) {
    if (link_leads_into(fd->path(), folder)) return true;
  }
  return maps_into(process / "maps", folder);
}

}  // namespace

std::string process_using(const fs::path& folder) {
  std::error_code error;
  const std::string wanted = fs::canonical(folder, error).string();
  if (error) return {};
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool is_process = std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!is_process || !uses(entry->path(), wanted)) continue;
    std::string command;
    std::ifstream(entry->path() / "comm") >> command;
    return fmt::format("{} (pid {})", command, name);
  }
  return {};
}

}  // namespace serin::apply
