#include "controller/judge/combination.h"

#include <fmt/format.h>

#include <algorithm>

namespace serin::judge {

namespace {

/// The first required source with this answer, or nothing.
const SourceVerdict* first_with(const std::vector<SourceVerdict>& sources, Answer answer) {
  const auto found = std::find_if(sources.begin(), sources.end(), [&](const SourceVerdict& source) {
    return source.required && source.verdict.answer == answer;
  });
  return found == sources.end() ? nullptr : &*found;
}

/// The source that decides; nullptr where none is required.
const SourceVerdict* deciding(const std::vector<SourceVerdict>& sources) {
  for (const Answer answer : {Answer::fail, Answer::undecided, Answer::inconclusive, Answer::pass}) {
    if (const auto* source = first_with(sources, answer)) return source;
  }
  return nullptr;
}

SourceFinding finding_of(const SourceVerdict& source) {
  return {.source = source.source,
          .required = source.required,
          .answer = source.verdict.answer,
          .judge = source.verdict.judge,
          .reason = source.verdict.reason,
          .text = source.verdict.text,
          .seconds = source.verdict.seconds};
}

/// "fail", "pass", "cannot tell", "looks on".
std::string_view words_of(Answer answer) {
  switch (answer) {
    case Answer::pass:
      return "pass";
    case Answer::fail:
      return "fail";
    case Answer::inconclusive:
      return "cannot tell";
    case Answer::undecided:
      return "no answer yet";
  }
  return "no answer yet";
}

/// Without the "cannot tell: " that the words in front of it say already.
std::string_view reason_text(const std::string& text) {
  constexpr std::string_view kSaid = "cannot tell: ";
  std::string_view rest = text;
  if (rest.starts_with(kSaid)) rest.remove_prefix(kSaid.size());
  return rest;
}

std::string text_of(const SourceVerdict& source) {
  return fmt::format("{}{}: {}{}{}", source.source, source.required ? "" : " (advisory)",
                     words_of(source.verdict.answer), source.verdict.text.empty() ? "" : ": ",
                     reason_text(source.verdict.text));
}

}  // namespace

Verdict combine(const std::vector<SourceVerdict>& sources) {
  const SourceVerdict* decides = deciding(sources);
  if (decides == nullptr) {
    return {.answer = Answer::inconclusive,
            .judge = {},
            .reason = "no-source",
            .text = "cannot tell: no source of evidence is required"};
  }
  Verdict verdict = decides->verdict;
  if (sources.size() == 1) return verdict;
  std::string text = text_of(*decides);
  verdict.sources.push_back(finding_of(*decides));
  for (const SourceVerdict& source : sources) {
    if (&source == decides) continue;
    text += "; " + text_of(source);
    verdict.sources.push_back(finding_of(source));
  }
  verdict.text = std::move(text);
  return verdict;
}

}  // namespace serin::judge
