#include "controller/fleet/message_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "protocol/limits.h"

namespace serin::fleet {

namespace {

constexpr std::int64_t kKeptMs = std::chrono::milliseconds{kMessagesKept}.count();
constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kStoreAfterMs = std::chrono::milliseconds{MessageBook::kStoreAfter}.count();

std::int64_t ms_of(WallTime at) {
  return at.time_since_epoch().count();
}

}  // namespace

void MessageBook::restore(const ApplicationName& application, SignatureId id, const KnownMessage& message) {
  auto& entries = applications_[application].entries;
  if (entries.size() >= limits::kMessagesPerApplication) return;
  entries[id] = {
      .message = message, .stored_last_ms = message.last_wall_ms, .stored_ordinary_ms = message.ordinary_wall_ms};
}

/// A tenth at once, so that a flood of new messages does not cost a search each.
void MessageBook::make_room(Application& application) {
  auto& entries = application.entries;
  if (entries.size() < limits::kMessagesPerApplication) return;
  const auto worth = [](const Entry& entry) {
    return entry.message.last_wall_ms + (entry.message.ordinary_wall_ms > 0 ? kKeptMs : 0);
  };
  std::vector<std::int64_t> all;
  all.reserve(entries.size());
  for (const auto& [id, entry] : entries) all.push_back(worth(entry));
  const auto cut = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 10);
  std::nth_element(all.begin(), cut, all.end());
  std::size_t left = entries.size() / 10 + 1;
  std::erase_if(entries, [&](const auto& item) {
    if (left == 0 || worth(item.second) > *cut) return false;
    --left;
    return true;
  });
}

MessageBook::Entry* MessageBook::entry_of(Application& application, SignatureId id, WallTime at, bool& is_new) {
  const auto found = application.entries.find(id);
  is_new = found == application.entries.end();
  if (!is_new) return &found->second;
  const std::int64_t minute = ms_of(at) / kMinuteMs;
  if (minute != application.minute) {
    application.minute = minute;
    application.taken_in = 0;
  }
  if (application.taken_in == limits::kNewMessagesPerMinute) return nullptr;
  ++application.taken_in;
  make_room(application);
  Entry& made = application.entries[id];
  made.message.first_wall_ms = made.message.last_wall_ms = ms_of(at);
  return &made;
}

bool MessageBook::name(const ApplicationName& application, const SignatureText& text, WallTime at) {
  if (text.rule.empty() && text.text.empty()) return false;
  bool is_new = false;
  Entry* entry = entry_of(applications_[application], text.id, at, is_new);
  if (entry == nullptr) return false;
  const auto words = text.text.substr(0, limits::kSignatureTextBytes);
  if (entry->message.rule == text.rule && entry->message.text == words) return false;
  entry->message.rule = text.rule;
  entry->message.text = words;
  return true;
}

bool MessageBook::seen(const ApplicationName& application, SignatureId id, bool trusted, WallTime at) {
  bool is_new = false;
  Entry* entry = entry_of(applications_[application], id, at, is_new);
  if (entry == nullptr) return false;
  entry->message.last_wall_ms = std::max(entry->message.last_wall_ms, ms_of(at));
  if (trusted) entry->message.ordinary_wall_ms = std::max(entry->message.ordinary_wall_ms, ms_of(at));
  const bool store = is_new || entry->message.last_wall_ms - entry->stored_last_ms >= kStoreAfterMs ||
                     entry->message.ordinary_wall_ms - entry->stored_ordinary_ms >= kStoreAfterMs;
  if (store) {
    entry->stored_last_ms = entry->message.last_wall_ms;
    entry->stored_ordinary_ms = entry->message.ordinary_wall_ms;
  }
  return store;
}

const KnownMessage* MessageBook::find(const ApplicationName& application, SignatureId id) const {
  const auto known = applications_.find(application);
  if (known == applications_.end()) return nullptr;
  const auto found = known->second.entries.find(id);
  return found == known->second.entries.end() ? nullptr : &found->second.message;
}

std::set<std::string> MessageBook::history(const ApplicationName& application, WallTime now) const {
  std::set<std::string> ids;
  const auto known = applications_.find(application);
  if (known == applications_.end()) return ids;
  for (const auto& [id, entry] : known->second.entries) {
    if (is_ordinary(entry.message, now)) ids.insert(id_text(id));
  }
  return ids;
}

bool is_ordinary(const KnownMessage& message, WallTime now) {
  return message.ordinary_wall_ms > 0 && message.ordinary_wall_ms >= ms_of(now) - kKeptMs;
}

std::string id_text(SignatureId id) {
  return fmt::format("{:016x}", id);
}

std::optional<SignatureId> id_of_text(const std::string& text) {
  SignatureId id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return id;
}

}  // namespace serin::fleet
