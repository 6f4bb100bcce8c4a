#include "agent/apply/slot_records_dir.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>

#include "agent/apply/folder_dir.h"
#include "protocol/posix/files.h"

namespace serin::apply {

namespace {

constexpr std::size_t kRecordBytesMax = 4U << 10;
constexpr std::size_t kHexDigits = 64;
constexpr std::size_t kBriefDigits = 12;

std::optional<SlotRecords::Record> record_from(const std::string& name, std::string_view text) {
  SlotRecords::Record record{.name = name};
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos || text.size() != space + 1 + kHexDigits + 1 || text.back() != '\n') return {};
  const char* const end = text.begin() + space;
  const auto number = std::from_chars(text.begin(), end, record.release);
  const auto root = ObjectId::from_hex(text.substr(space + 1, kHexDigits));
  if (number.ec != std::errc{} || number.ptr != end || !root || root->is_nothing()) return {};
  record.root = *root;
  return record;
}

bool all_of(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

}  // namespace

Result<std::vector<SlotRecords::Record>> SlotRecords::load() const {
  const auto names = names_in(folder_);
  if (!names) return std::unexpected(names.error());
  std::vector<Record> records;
  for (const std::string& name : *names) {
    const auto text = posix::read_file(folder_ / name, kRecordBytesMax);
    if (!text) return std::unexpected(text.error());
    auto record = is_slot_name(name) ? record_from(name, *text) : std::nullopt;
    if (record) {
      records.push_back(std::move(*record));
    } else if (auto removed = remove(name); !removed) {
      return std::unexpected(removed.error());
    }
  }
  std::sort(records.begin(), records.end(), [](const Record& a, const Record& b) {
    return std::pair(a.release, a.name) < std::pair(b.release, b.name);
  });
  return records;
}

Result<void> SlotRecords::add(const Record& record) const {
  return posix::replace_file(folder_ / record.name, fmt::format("{} {}\n", record.release, record.root.hex()), 0644);
}

Result<void> SlotRecords::remove(const std::string& name) const {
  if (::unlink((folder_ / name).c_str()) != 0) {
    if (errno == ENOENT) return {};
    return std::unexpected(posix::errno_error("remove " + (folder_ / name).string(), errno));
  }
  return posix::sync_folder(folder_);
}

bool is_slot_name(std::string_view name) {
  const std::size_t dash = name.find('-');
  return name.starts_with('r') && dash != std::string_view::npos && name.size() == dash + 1 + kBriefDigits &&
         all_of(name.substr(1, dash - 1), "0123456789") && all_of(name.substr(dash + 1), "0123456789abcdef");
}

}  // namespace serin::apply
