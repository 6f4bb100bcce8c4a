#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/agent_config.h"
#include "agent/count/event_groups.h"
#include "agent/count/findings.h"
#include "agent/count/signature_table.h"
#include "protocol/clock.h"
#include "protocol/error.h"

namespace serin::count {

/// How far the text of one file (or journal) has been understood: an unfinished line, an event that may go on. Bounded
/// memory: limits::kLineBytesMatched while a line or event is unfinished, next to nothing otherwise.
class TextState {
 public:
  TextState();
  TextState(TextState&&) noexcept;
  TextState& operator=(TextState&&) noexcept;
  ~TextState();

  /// Bytes of an unfinished line at the end of what was taken: the line begins so many bytes before the position.
  [[nodiscard]] std::uint64_t pending_bytes() const;
  /// What must be known of the lines before the unfinished one to go on after a restart; a few bytes, any bytes.
  [[nodiscard]] std::string saved() const;
  /// Takes up where saved() was; what it cannot read is an empty state.
  static TextState restored(std::string_view saved);

 private:
  friend class SourceMatcher;
  struct Parts;
  Parts& parts();
  std::unique_ptr<Parts> parts_;  ///< none: nothing is pending
};

/// Counts what the text of one source says: lines or requests, events that are errors, and their messages. Whatever the
/// pieces in which the bytes come, the sums are the same. Linear in the bytes whatever the rules and the lines; memory
/// is bounded for all rules together. Writes nothing to stderr. Pure; single-threaded.
class SourceMatcher {
 public:
  /// Of one source of the application. `invalid`: a rule that cannot be; the text names the rule and what is wrong.
  static Result<SourceMatcher> compile(const agent::SourceSettings& source,
                                       const agent::ApplicationSettings& application);
  SourceMatcher(SourceMatcher&&) noexcept;
  SourceMatcher& operator=(SourceMatcher&&) noexcept;
  ~SourceMatcher();

  /// The next bytes of a file of this source. Adds to `found` and `signatures`.
  void take(TextState& text, std::string_view bytes, SteadyTime now, Findings& found, SignatureTable& signatures) const;
  /// The file has ended for good: what is pending is a line too, and an event that is open is over.
  void finish(TextState& text, SteadyTime now, Findings& found, SignatureTable& signatures) const;
  /// Nothing came for a while: an event that has been open for a second is over.
  void pause(TextState& text, SteadyTime now, SignatureTable& signatures) const;
  /// Bytes were left out: forgets what is pending and everything up to the next LF.
  static void skip_to_next_line(TextState& text);

  /// Rules of groups count only where `groups` says so; `source`: who this is to it. It must live as long as this.
  void share(EventGroups& groups, std::size_t source);

  /// The rules of this source, in the order of Findings::by_rule.
  [[nodiscard]] const std::vector<std::string>& rule_names() const;
  /// Those that run their expression on every line, because it names no three bytes that must be there.
  [[nodiscard]] const std::vector<std::string>& slow_rules() const;

 private:
  struct Parts;
  explicit SourceMatcher(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// One line for each slow rule of the application's sources, with the remedy.
std::vector<std::string> slow_rules_of(const agent::ApplicationSettings& application);

}  // namespace serin::count
