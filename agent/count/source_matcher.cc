#include "agent/count/source_matcher.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include "agent/count/open_events.h"
#include "agent/count/prefilter.h"
#include "agent/count/presets.h"
#include "agent/count/rule_set.h"
#include "protocol/limits.h"

namespace serin::count {
namespace {

/// What is looked through at once: it stays in the processor's cache between the passes.
constexpr std::size_t kSliceBytes = 64U << 10;
/// A line that is longer than limits::kLineBytesMatched covers one such part of a slice whole, without a newline.
constexpr std::size_t kPartBytes = limits::kLineBytesMatched / 2;
/// One byte more than is matched: a line that fits but for its CR is not a long one.
constexpr std::size_t kPendingKept = limits::kLineBytesMatched + 1;
constexpr std::int64_t kRecordStartMemory = 256 << 10;
constexpr std::int64_t kMemoryMin = 512 << 10;  ///< for the rules of one source of very many

std::string_view without_return(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::size_t line_end(std::string_view text, std::size_t from) {
  const void* newline = std::memchr(text.data() + from, '\n', text.size() - from);
  return newline == nullptr ? text.size() : static_cast<std::size_t>(static_cast<const char*>(newline) - text.data());
}

std::size_t line_begin(std::string_view text, std::size_t at) {
  const void* newline = ::memrchr(text.data(), '\n', at);
  return newline == nullptr ? 0 : static_cast<std::size_t>(static_cast<const char*>(newline) - text.data()) + 1;
}

/// The hits of a slice, in order, found as they are asked for.
class Hits {
 public:
  Hits(const Prefilter& prefilter, std::string_view text) : prefilter_(prefilter), text_(text) {
    if (prefilter.empty()) found_.until = text.size();
  }
  /// The next one; nullptr: no more.
  const Prefilter::Hit* next() {
    if (at_ == found_.hits) {
      if (found_.until == text_.size()) return nullptr;
      found_ = prefilter_.find(text_, found_.until, hits_);
      at_ = 0;
      if (found_.hits == 0) return nullptr;
    }
    return &hits_[at_];
  }
  /// The rules of all that lie before `end`.
  RuleBits take_until(std::size_t end) {
    RuleBits rules = 0;
    for (const auto* hit = next(); hit != nullptr && hit->at < end; hit = next()) {
      rules |= hit->rules;
      ++at_;
    }
    return rules;
  }

 private:
  const Prefilter& prefilter_;
  std::string_view text_;
  std::array<Prefilter::Hit, 128> hits_;
  Prefilter::Found found_;
  std::size_t at_ = 0;
};

}  // namespace

struct TextState::Parts {
  std::string pending;            ///< the first bytes of an unfinished line
  std::size_t pending_bytes = 0;  ///< its whole length so far
  bool skipping = false;          ///< until the next LF
  OpenEvents events;

  [[nodiscard]] bool idle() const { return pending_bytes == 0 && !skipping && events.empty(); }
  void keep(std::string_view piece) {
    pending_bytes += piece.size();
    pending.append(piece.substr(0, kPendingKept - std::min(kPendingKept, pending.size())));
  }
};

TextState::TextState() = default;
TextState::TextState(TextState&&) noexcept = default;
TextState& TextState::operator=(TextState&&) noexcept = default;
TextState::~TextState() = default;

TextState::Parts& TextState::parts() {
  if (!parts_) parts_ = std::make_unique<Parts>();
  return *parts_;
}

std::uint64_t TextState::pending_bytes() const {
  return parts_ ? parts_->pending_bytes : 0;
}

std::string TextState::saved() const {
  if (!parts_ || (!parts_->skipping && parts_->events.empty())) return {};
  return (parts_->skipping ? "s" : "-") + parts_->events.saved();
}

TextState TextState::restored(std::string_view saved) {
  TextState text;
  if (!saved.starts_with('s') && !saved.starts_with('-')) return text;
  text.parts().skipping = saved[0] == 's';
  text.parts().events = OpenEvents::restored(saved.substr(1));
  if (text.parts().idle()) text.parts_.reset();
  return text;
}

struct SourceMatcher::Parts {
  RuleSet rules;
  Prefilter prefilter;
  std::vector<std::string> names;
  std::vector<std::string> slow_names;
  std::vector<std::string> group_of;  ///< by rule
  EventGroups* groups = nullptr;      ///< nullptr: nobody else counts
  std::size_t source = 0;
  bool requests = false;
  bool multiline = true;
  Samples samples = Samples::normalised;
  std::unique_ptr<RE2> record_start;

  /// One call of take() or finish().
  struct Run {
    TextState& text;
    Findings& found;
    MessageSink messages;
    [[nodiscard]] bool has_events() const { return text.parts_ && !text.parts_->events.empty(); }
  };

  void line(Run& run, std::string_view line, RuleBits hits) const;
  [[nodiscard]] RuleBits left_to_others(RuleBits fits, SteadyTime now) const;
  void event(Run& run, std::string_view line, const LineVerdict& verdict) const;
  void pending_line(Run& run, bool ended) const;
  void slice(Run& run, std::string_view text) const;
  void body(Run& run, std::string_view text) const;
  void count_lines(Run& run, std::string_view text) const;
  void add_lines(Findings& found, std::size_t count) const { (requests ? found.requests : found.lines) += count; }
};

/// A line without its newline and CR.
void SourceMatcher::Parts::line(Run& run, std::string_view line, RuleBits hits) const {
  line = line.substr(0, limits::kLineBytesMatched);
  if (run.has_events() && run.text.parts_->events.take(line, record_start.get(), run.messages)) {
    return;
  }
  if (hits == 0 && rules.every_line() == 0) return;
  const auto verdict = rules.look(line, hits);
  if (verdict.unparsed) ++run.found.unparsed;
  if (verdict.rules != 0) event(run, line, verdict);
}

/// Of rules that fit: those whose event another source counts.
RuleBits SourceMatcher::Parts::left_to_others(RuleBits fits, SteadyTime now) const {
  RuleBits left = 0;
  for (RuleBits rest = groups == nullptr ? 0 : fits; rest != 0; rest &= rest - 1) {
    const auto rule = static_cast<std::size_t>(std::countr_zero(rest));
    if (!group_of[rule].empty() && !groups->counts(group_of[rule], source, now)) left |= RuleBits{1} << rule;
  }
  return left;
}

void SourceMatcher::Parts::event(Run& run, std::string_view line, const LineVerdict& verdict) const {
  const auto counted = verdict.rules & ~left_to_others(verdict.rules, run.messages.now);
  for (RuleBits rest = counted; rest != 0; rest &= rest - 1) {
    ++run.found.by_rule[static_cast<std::size_t>(std::countr_zero(rest))];
  }
  if (counted != 0) ++run.found.errors;
  const std::string_view rule =
      counted == 0 ? std::string_view() : names[static_cast<std::size_t>(std::countr_zero(counted))];
  if (multiline && !verdict.json) {
    run.text.parts().events.begin(line, rule, run.messages);
  } else if (counted != 0) {
    run.messages.add(rule, verdict.message.substr(0, limits::kEventBytesKept));
  }
}

/// The line that came in pieces.
void SourceMatcher::Parts::pending_line(Run& run, bool ended) const {
  auto& parts = run.text.parts();
  const auto given = std::exchange(parts.pending, std::string());
  auto bytes = std::exchange(parts.pending_bytes, 0);
  auto text = std::string_view(given);
  if (ended && text.size() == bytes) text = without_return(text);
  if (text.size() < given.size()) --bytes;
  add_lines(run.found, 1);
  if (bytes > limits::kLineBytesMatched) ++run.found.long_lines;
  Hits hits(prefilter, text);
  line(run, text, hits.take_until(text.size()));
}

void SourceMatcher::Parts::count_lines(Run& run, std::string_view text) const {
  bool may_be_long = false;
  std::size_t lines = 0;
  for (std::size_t at = 0; at < text.size(); at += kPartBytes) {
    const auto count = count_newlines(text.substr(at, kPartBytes));
    may_be_long = may_be_long || count == 0;
    lines += count;
  }
  add_lines(run.found, lines);
  for (std::size_t at = 0; may_be_long && at < text.size();) {
    const auto end = line_end(text, at);
    if (without_return(text.substr(at, end - at)).size() > limits::kLineBytesMatched) ++run.found.long_lines;
    at = end + 1;
  }
}

/// Whole lines, each with its newline.
void SourceMatcher::Parts::slice(Run& run, std::string_view text) const {
  count_lines(run, text);
  Hits hits(prefilter, text);
  const bool each = rules.every_line() != 0;
  for (std::size_t at = 0; at < text.size();) {
    if (!each && !run.has_events()) {
      const auto* hit = hits.next();
      if (hit == nullptr) return;
      at = std::max(at, line_begin(text, hit->at));
    }
    const auto end = line_end(text, at);
    line(run, without_return(text.substr(at, end - at)), hits.take_until(end));
    at = end + 1;
  }
}

void SourceMatcher::Parts::body(Run& run, std::string_view text) const {
  while (!text.empty()) {
    auto end = text.size();
    if (end > kSliceBytes) {
      end = text.rfind('\n', kSliceBytes - 1);
      end = (end == std::string_view::npos ? line_end(text, kSliceBytes) : end) + 1;
    }
    slice(run, text.substr(0, end));
    text.remove_prefix(end);
  }
}

SourceMatcher::SourceMatcher(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
SourceMatcher::SourceMatcher(SourceMatcher&&) noexcept = default;
SourceMatcher& SourceMatcher::operator=(SourceMatcher&&) noexcept = default;
SourceMatcher::~SourceMatcher() = default;

Result<SourceMatcher> SourceMatcher::compile(const agent::SourceSettings& source,
                                             const agent::ApplicationSettings& application) {
  const auto settings = rules_of(source, application);
  const auto sources = std::max<std::int64_t>(1, static_cast<std::int64_t>(application.sources.size()));
  auto rules = RuleSet::compile(settings, std::max(kMemoryMin, RuleSet::kMemoryMax / sources));
  if (!rules) return std::unexpected(rules.error());
  Prefilter prefilter(rules->literals());
  auto parts = std::make_unique<Parts>(Parts{.rules = std::move(*rules), .prefilter = std::move(prefilter)});
  parts->requests = counts_requests(source);
  parts->multiline = is_multiline(source);
  parts->samples = source.samples;
  for (const auto& rule : settings) {
    if ((parts->rules.slow() >> parts->names.size() & 1U) != 0) parts->slow_names.push_back(rule.name);
    parts->names.push_back(rule.name);
    parts->group_of.push_back(rule.group);
  }
  if (!source.record_start.empty()) {
    if (const auto mistake = mistake_in_record_start(source.record_start)) {
      return failure(ErrorKind::invalid, mistake->wrong);
    }
    RE2::Options options;
    options.set_encoding(RE2::Options::EncodingLatin1);
    options.set_log_errors(false);
    options.set_never_capture(true);
    options.set_max_mem(kRecordStartMemory);
    parts->record_start = std::make_unique<RE2>(for_re2(source.record_start), options);
  }
  return SourceMatcher(std::move(parts));
}

void SourceMatcher::take(TextState& text, std::string_view bytes, SteadyTime now, Findings& found,
                         SignatureTable& signatures) const {
  Parts::Run run{
      .text = text, .found = found, .messages = {.signatures = signatures, .now = now, .samples = parts_->samples}};
  found.by_rule.resize(std::max(found.by_rule.size(), parts_->names.size()));
  if (run.has_events()) text.parts_->events.close_old(run.messages);
  if (text.parts_ && (text.parts_->skipping || text.parts_->pending_bytes > 0)) {
    const auto end = line_end(bytes, 0);
    if (!text.parts_->skipping) text.parts_->keep(bytes.substr(0, end));
    if (end == bytes.size()) return;
    bytes.remove_prefix(end + 1);
    if (!std::exchange(text.parts_->skipping, false)) parts_->pending_line(run, true);
  }
  const auto last = bytes.rfind('\n');
  const auto whole = last == std::string_view::npos ? 0 : last + 1;
  parts_->body(run, bytes.substr(0, whole));
  if (whole < bytes.size()) text.parts().keep(bytes.substr(whole));
  if (text.parts_ && text.parts_->idle()) text.parts_.reset();
}

void SourceMatcher::finish(TextState& text, SteadyTime now, Findings& found, SignatureTable& signatures) const {
  if (!text.parts_) return;
  Parts::Run run{
      .text = text, .found = found, .messages = {.signatures = signatures, .now = now, .samples = parts_->samples}};
  found.by_rule.resize(std::max(found.by_rule.size(), parts_->names.size()));
  if (text.parts_->pending_bytes > 0) parts_->pending_line(run, false);
  text.parts_->events.close_all(run.messages);
  text.parts_.reset();
}

void SourceMatcher::pause(TextState& text, SteadyTime now, SignatureTable& signatures) const {
  if (!text.parts_) return;
  text.parts_->events.close_old({.signatures = signatures, .now = now, .samples = parts_->samples});
  if (text.parts_->idle()) text.parts_.reset();
}

void SourceMatcher::skip_to_next_line(TextState& text) {
  auto& parts = text.parts();
  parts.pending = std::string();
  parts.pending_bytes = 0;
  parts.skipping = true;
}

void SourceMatcher::share(EventGroups& groups, std::size_t source) {
  parts_->groups = &groups;
  parts_->source = source;
}

const std::vector<std::string>& SourceMatcher::rule_names() const {
  return parts_->names;
}

const std::vector<std::string>& SourceMatcher::slow_rules() const {
  return parts_->slow_names;
}

std::vector<std::string> slow_rules_of(const agent::ApplicationSettings& application) {
  std::set<std::string> names;
  for (const auto& source : application.sources) {
    const auto matcher = SourceMatcher::compile(source, application);
    if (matcher) names.insert(matcher->slow_rules().begin(), matcher->slow_rules().end());
  }
  std::vector<std::string> lines;
  lines.reserve(names.size());
  for (const auto& name : names) {
    lines.push_back(
        fmt::format("application {}: rule {} is slow: it names no three bytes that its lines must hold, so "
                    "every line is matched (give some with must =)",
                    application.name, name));
  }
  return lines;
}

}  // namespace serin::count
