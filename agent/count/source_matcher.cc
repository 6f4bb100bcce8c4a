#include "agent/count/source_matcher.h"

#include <utility>

#include "agent/count/line_matcher.h"
#include "agent/count/line_splitter.h"

namespace serin::count {

struct TextState::Parts {
  LineSplitter splitter;
};

TextState::TextState() : parts_(std::make_unique<Parts>()) {}
TextState::TextState(TextState&&) noexcept = default;
TextState& TextState::operator=(TextState&&) noexcept = default;
TextState::~TextState() = default;

std::uint64_t TextState::pending_bytes() const {
  return parts_->splitter.pending_bytes();
}
std::string TextState::saved() const {
  return {};
}
TextState TextState::restored(std::string_view /*saved*/) {
  return {};
}

struct SourceMatcher::Parts {
  LineMatcher matcher;
  std::vector<std::string> names;
  std::set<std::string> groups;
};

SourceMatcher::SourceMatcher(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
SourceMatcher::SourceMatcher(SourceMatcher&&) noexcept = default;
SourceMatcher& SourceMatcher::operator=(SourceMatcher&&) noexcept = default;
SourceMatcher::~SourceMatcher() = default;

Result<SourceMatcher> SourceMatcher::compile(const agent::SourceSettings& /*source*/,
                                             const agent::ApplicationSettings& application) {
  auto matcher = LineMatcher::compile(application.rules);
  if (!matcher) return std::unexpected(matcher.error());
  return SourceMatcher(std::make_unique<Parts>(Parts{.matcher = std::move(*matcher), .names = {}, .groups = {}}));
}

void SourceMatcher::take(TextState& text, std::string_view bytes, SteadyTime now, Findings& found,
                         SignatureTable& signatures) const {
  text.parts_->splitter.give(bytes);
  while (const auto line = text.parts_->splitter.next()) {
    ++found.lines;
    if (!parts_->matcher.is_error(*line)) continue;
    ++found.errors;
    signatures.add("", *line, now);
  }
}

void SourceMatcher::finish(TextState& text, SteadyTime now, Findings& found, SignatureTable& signatures) const {
  const auto line = text.parts_->splitter.finish();
  if (!line) return;
  ++found.lines;
  if (!parts_->matcher.is_error(*line)) return;
  ++found.errors;
  signatures.add("", *line, now);
}

void SourceMatcher::pause(TextState& /*text*/, SteadyTime /*now*/, SignatureTable& /*signatures*/) const {}

void SourceMatcher::skip_to_next_line(TextState& text) {
  text.parts_->splitter.skip_to_next_line();
}

const std::set<std::string>& SourceMatcher::groups() const {
  return parts_->groups;
}

void SourceMatcher::leave_to_others(std::set<std::string> /*groups*/) {}

const std::vector<std::string>& SourceMatcher::rule_names() const {
  return parts_->names;
}

}  // namespace serin::count
