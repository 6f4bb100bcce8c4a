#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "protocol/clock.h"
#include "protocol/messages.h"

namespace serin::fleet {

/// How long a message stays known that nobody logs any more.
inline constexpr auto kMessagesKept = std::chrono::hours{30 * 24};

/// What is known of one error message of one application.
struct KnownMessage {
  std::string rule;  ///< that it fitted; empty: not told yet
  std::string text;  ///< normalised by the host; any bytes
  std::int64_t first_wall_ms = 0, last_wall_ms = 0;
  std::int64_t ordinary_wall_ms = 0;  ///< last logged under a trusted release; 0: never, so it is no history
  friend bool operator==(const KnownMessage&, const KnownMessage&) = default;
};

/// It was logged under a trusted release within kMessagesKept.
bool is_ordinary(const KnownMessage& message, WallTime now);

/// The error messages of each application, for what is new with a release and for people. Only what was logged under a
/// trusted release is history: what a release logged that was taken back is new again the next time. At most
/// limits::kMessagesPerApplication of each; those that never were ordinary go first, then those that were logged least
/// recently; at most limits::kNewMessagesPerMinute are taken in. Wall-clock times. Pure; single-threaded; never
/// fails.
class MessageBook {
 public:
  /// From the database.
  void restore(const ApplicationName& application, SignatureId id, const KnownMessage& message);
  /// The words for an id. True when they are new: the row wants to be stored.
  bool name(const ApplicationName& application, const SignatureText& text, WallTime at);
  /// It was logged, `trusted`: in ordinary times. True when the row wants to be stored: it is new, or its times have
  /// gone on by kStoreAfter.
  bool seen(const ApplicationName& application, SignatureId id, bool trusted, WallTime at);

  /// nullptr: unknown. Valid until the next change.
  [[nodiscard]] const KnownMessage* find(const ApplicationName& application, SignatureId id) const;
  /// The history, as id_text().
  [[nodiscard]] std::set<std::string> history(const ApplicationName& application, WallTime now) const;

  static constexpr auto kStoreAfter = std::chrono::hours{1};

 private:
  struct Entry {
    KnownMessage message;
    std::int64_t stored_last_ms = 0, stored_ordinary_ms = 0;
  };
  struct Application {
    std::map<SignatureId, Entry> entries;
    std::int64_t minute = 0;  ///< in which so many were taken in
    std::size_t taken_in = 0;
  };
  static void make_room(Application& application);
  /// Its entry, made when it is new; nullptr: too many are.
  static Entry* entry_of(Application& application, SignatureId id, WallTime at, bool& is_new);

  std::map<ApplicationName, Application> applications_;
};

/// An id as people, traces and JSON have it: 16 hexadecimal digits.
std::string id_text(SignatureId id);
std::optional<SignatureId> id_of_text(const std::string& text);

}  // namespace serin::fleet
