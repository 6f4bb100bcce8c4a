#include "controller/operate/host_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "controller/operate/answers.h"
#include "controller/rollout/deployments.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::operate {

namespace {

using controller::Client;
using controller::ControllerState;
using controller::Turn;

constexpr std::size_t kKeyDigitsMin = 8;
constexpr std::size_t kErrorLinesShown = 20;

/// The key that the operator means: all 64 digits, or the first ones of a key that is pending.
Result<std::string> find_key(const std::string& typed, const std::vector<PendingKey>& pending) {
  if (const auto whole = ObjectId::from_hex(typed); whole) return std::string{whole->raw()};
  if (typed.size() < kKeyDigitsMin) {
    return failure(ErrorKind::invalid, fmt::format("'{}' is too short for a key: give {} digits of it at least",
                                                   printable(typed), kKeyDigitsMin));
  }
  std::string digits = typed;
  for (char& digit : digits) digit = digit >= 'A' && digit <= 'F' ? static_cast<char>(digit - 'A' + 'a') : digit;
  std::vector<std::string> fits;
  for (const PendingKey& key : pending) {
    if (to_hex(key.public_key).starts_with(digits)) fits.push_back(key.public_key);
  }
  if (fits.size() == 1) return fits.front();
  if (fits.empty()) {
    return failure(
        ErrorKind::not_found,
        fmt::format("no pending key begins with '{}': `serin hosts` lists them; a key that has not called yet "
                    "must be given in full (64 hexadecimal digits)",
                    printable(typed)));
  }
  return failure(ErrorKind::invalid,
                 fmt::format("{} pending keys begin with '{}': give more digits", fits.size(), digits));
}

Result<void> accept_one(ControllerState& state, const fleet::HostRecord& record, Turn& turn) {
  if (!is_plain_name(record.name, limits::kHostNameBytesMax)) {
    return failure(ErrorKind::invalid,
                   fmt::format("'{}' is no host name: letters, digits, '.', '-' and '_', at most {} of them",
                               printable(record.name), limits::kHostNameBytesMax));
  }
  for (const std::string& label : record.labels) {
    if (!is_plain_name(label)) {
      return failure(ErrorKind::invalid,
                     fmt::format("'{}' is no label: letters, digits, '.', '-' and '_'", printable(label)));
    }
  }
  if (auto accepted = state.roster.accept(record); !accepted) return accepted;
  turn.record(controller::StoreHost{record});
  turn.effect(controller::AdmitKey{record.public_key, record.name});
  state.sources.revoked.erase(record.public_key);
  state.sources.admitted.insert(record.public_key);
  return {};
}

/// What an import has come to so far.
struct Import {
  std::string by;
  std::int64_t at_wall_ms = 0;
  std::size_t added = 0, known = 0;
  std::vector<std::string> errors;
};

/// KEY NAME [LABEL…]; '#' begins a comment.
void import_line(ControllerState& state, const std::string& line, std::size_t number, Import& import, Turn& turn) {
  std::istringstream words(line.substr(0, line.find('#')));
  std::string key_text;
  if (!(words >> key_text)) return;
  fleet::HostRecord record{.accepted_by = import.by, .accepted_wall_ms = import.at_wall_ms};
  words >> record.name;
  for (std::string label; words >> label;) record.labels.push_back(label);
  const auto key = ObjectId::from_hex(key_text);
  if (!key) {
    import.errors.push_back(
        fmt::format("line {}: '{}' is no key (64 hexadecimal digits)", number, printable(key_text, 80)));
    return;
  }
  record.public_key = std::string{key->raw()};
  const fleet::Host* host = state.roster.find(record.name);
  if (host != nullptr && host->record.public_key == record.public_key && host->record.labels == record.labels) {
    ++import.known;
  } else if (const auto accepted = accept_one(state, record, turn); accepted) {
    ++import.added;
  } else {
    import.errors.push_back(fmt::format("line {}: {}", number, accepted.error().text));
  }
}

}  // namespace

void accept_host(ControllerState& state, const Client& client, const Caller& caller, const OperatorRequest& request,
                 const std::vector<PendingKey>& pending, Now now, Turn& turn) {
  if (request.arguments.size() != 1 || request.name.empty()) {
    tell(turn, client, error_event("say which key and which name: serin hosts accept KEY --name NAME", kUsage));
    return;
  }
  const auto key = find_key(request.arguments.front(), pending);
  if (!key) {
    tell(turn, client, error_event(key.error().text, exit_code_of(key.error())));
    return;
  }
  const auto accepted = accept_one(state,
                                   {.name = request.name,
                                    .public_key = *key,
                                    .labels = request.labels,
                                    .accepted_by = owner_of(caller, request),
                                    .accepted_wall_ms = now.wall.time_since_epoch().count()},
                                   turn);
  if (!accepted) {
    tell(turn, client, error_event(accepted.error().text, exit_code_of(accepted.error())));
    return;
  }
  tell(turn, client,
       done_event(fmt::format("{} is accepted with key {}; it connects at its next try", request.name,
                              to_hex(*key).substr(0, 16)),
                  0));
}

void import_hosts(ControllerState& state, const Client& client, const Caller& caller, const OperatorRequest& request,
                  Now now, Turn& turn) {
  std::istringstream lines(request.message);
  std::string line;
  Import import{.by = owner_of(caller, request), .at_wall_ms = now.wall.time_since_epoch().count()};
  for (std::size_t number = 1; std::getline(lines, line); ++number) import_line(state, line, number, import, turn);
  if (!import.errors.empty()) {
    // One event, however many there are: a CLI that is given thousands at once may miss the last one.
    std::string text;
    for (std::size_t i = 0; i < import.errors.size() && i < kErrorLinesShown; ++i) text += import.errors[i] + "\n";
    if (import.errors.size() > kErrorLinesShown) {
      text += fmt::format("and {} more\n", import.errors.size() - kErrorLinesShown);
    }
    text.pop_back();
    tell(turn, client, line_event(text));
  }
  const auto text =
      fmt::format("{} accepted, {} known already, {} refused", import.added, import.known, import.errors.size());
  tell(turn, client, import.errors.empty() ? done_event(text, 0) : error_event(text, kError));
}

void revoke_host(ControllerState& state, const Client& client, const OperatorRequest& request, Now now, Turn& turn) {
  if (request.arguments.size() != 1) {
    tell(turn, client, error_event("say which host: serin hosts revoke NAME", kUsage));
    return;
  }
  const HostName& name = request.arguments.front();
  const auto removed = state.roster.revoke(name);
  if (!removed) {
    tell(turn, client,
         error_event(fmt::format("no host is called '{}': `serin hosts` lists them", printable(name)), kError));
    return;
  }
  turn.record(controller::RemoveHost{name});
  turn.effect(controller::RefuseKey{removed->public_key});
  state.sources.admitted.erase(removed->public_key);
  state.sources.revoked.insert(removed->public_key);
  std::vector<ApplicationName> applications;
  for (const auto& [application, active] : state.active) {
    if (active.index_of.contains(name)) applications.push_back(application);
  }
  for (const ApplicationName& application : applications) {
    rollout::move_rollout(state, application, rollout::HostGone{name}, now, turn);
  }
  state.ledger.forget(name);
  std::erase_if(state.trusted_hosts, [&](const auto& item) { return item.first == name; });
  std::erase_if(state.catching_up, [&](const auto& item) { return item.first.first == name; });
  std::erase_if(state.host_releases, [&](const auto& item) { return item.first.first == name; });
  tell(turn, client,
       done_event(fmt::format("{} is revoked: its messages are refused from now on; what it runs stays as it is", name),
                  0));
}

}  // namespace serin::operate
