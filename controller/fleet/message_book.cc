#include "controller/fleet/message_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "protocol/limits.h"

namespace serin::fleet {

namespace {

constexpr std::int64_t kKeptMs = std::chrono::milliseconds{kMessagesKept}.count();
constexpr std::int64_t kStoreAfterMs = std::chrono::milliseconds{MessageBook::kStoreAfter}.count();

std::int64_t ms_of(WallTime at) {
  return at.time_since_epoch().count();
}

}  // namespace

void MessageBook::restore(const ApplicationName& application, SignatureId id, const KnownMessage& message) {
  Entries& entries = applications_[application];
  if (entries.size() >= limits::kMessagesPerApplication) return;
  entries[id] = {
      .message = message, .stored_last_ms = message.last_wall_ms, .stored_ordinary_ms = message.ordinary_wall_ms};
}

/// A tenth at once, so that a flood of new messages does not cost a search each.
void MessageBook::make_room(Entries& entries) {
  if (entries.size() < limits::kMessagesPerApplication) return;
  std::vector<std::int64_t> ages;
  ages.reserve(entries.size());
  for (const auto& [id, entry] : entries) ages.push_back(entry.message.last_wall_ms);
  const auto cut = ages.begin() + static_cast<std::ptrdiff_t>(ages.size() / 10);
  std::nth_element(ages.begin(), cut, ages.end());
  std::size_t left = entries.size() / 10 + 1;
  std::erase_if(entries, [&](const auto& item) {
    if (left == 0 || item.second.message.last_wall_ms > *cut) return false;
    --left;
    return true;
  });
}

bool MessageBook::name(const ApplicationName& application, const SignatureText& text, WallTime at) {
  Entries& entries = applications_[application];
  auto found = entries.find(text.id);
  if (found == entries.end()) {
    make_room(entries);
    found = entries.emplace(text.id, Entry{}).first;
    found->second.message.first_wall_ms = found->second.message.last_wall_ms = ms_of(at);
  }
  KnownMessage& message = found->second.message;
  if (!message.rule.empty() || !message.text.empty()) return false;  // the first words stay
  message.rule = text.rule;
  message.text = text.text.substr(0, limits::kSignatureTextBytes);
  return true;
}

bool MessageBook::seen(const ApplicationName& application, SignatureId id, bool trusted, WallTime at) {
  Entries& entries = applications_[application];
  auto found = entries.find(id);
  const bool is_new = found == entries.end();
  if (is_new) {
    make_room(entries);
    found = entries.emplace(id, Entry{}).first;
    found->second.message.first_wall_ms = ms_of(at);
  }
  Entry& entry = found->second;
  entry.message.last_wall_ms = std::max(entry.message.last_wall_ms, ms_of(at));
  if (trusted) entry.message.ordinary_wall_ms = std::max(entry.message.ordinary_wall_ms, ms_of(at));
  const bool store = is_new || entry.message.last_wall_ms - entry.stored_last_ms >= kStoreAfterMs ||
                     entry.message.ordinary_wall_ms - entry.stored_ordinary_ms >= kStoreAfterMs;
  if (store) {
    entry.stored_last_ms = entry.message.last_wall_ms;
    entry.stored_ordinary_ms = entry.message.ordinary_wall_ms;
  }
  return store;
}

const KnownMessage* MessageBook::find(const ApplicationName& application, SignatureId id) const {
  const auto entries = applications_.find(application);
  if (entries == applications_.end()) return nullptr;
  const auto found = entries->second.find(id);
  return found == entries->second.end() ? nullptr : &found->second.message;
}

std::set<std::string> MessageBook::history(const ApplicationName& application, WallTime now) const {
  std::set<std::string> ids;
  const auto entries = applications_.find(application);
  if (entries == applications_.end()) return ids;
  for (const auto& [id, entry] : entries->second) {
    const std::int64_t ordinary = entry.message.ordinary_wall_ms;
    if (ordinary > 0 && ordinary >= ms_of(now) - kKeptMs) ids.insert(id_text(id));
  }
  return ids;
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
