#include "controller/judge/combination.h"

#include <gtest/gtest.h>

namespace serin::judge {
namespace {

SourceVerdict of(const std::string& source, Answer answer, bool required = true) {
  return {
      .source = source,
      .required = required,
      .verdict = {.answer = answer, .judge = source + "'s", .reason = source + "-reason", .text = source + " says so"}};
}

struct Row {
  Answer agents, logstash;
  bool logstash_required;
  Answer whole;
  const char* decides;
};

TEST(Combination, of_two_sources_is_decided_in_every_case) {
  constexpr auto kPass = Answer::pass, kFail = Answer::fail, kUnknown = Answer::inconclusive, kNone = Answer::undecided;
  const Row rows[] = {
      {kPass, kPass, true, kPass, "agents"},           {kPass, kFail, true, kFail, "logstash"},
      {kPass, kUnknown, true, kUnknown, "logstash"},   {kPass, kNone, true, kNone, "logstash"},
      {kFail, kPass, true, kFail, "agents"},           {kFail, kFail, true, kFail, "agents"},
      {kFail, kUnknown, true, kFail, "agents"},        {kFail, kNone, true, kFail, "agents"},
      {kUnknown, kPass, true, kUnknown, "agents"},     {kUnknown, kFail, true, kFail, "logstash"},
      {kUnknown, kUnknown, true, kUnknown, "agents"},  {kUnknown, kNone, true, kNone, "logstash"},
      {kNone, kPass, true, kNone, "agents"},           {kNone, kFail, true, kFail, "logstash"},
      {kNone, kUnknown, true, kNone, "agents"},        {kNone, kNone, true, kNone, "agents"},
      {kPass, kPass, false, kPass, "agents"},          {kPass, kFail, false, kPass, "agents"},
      {kPass, kUnknown, false, kPass, "agents"},       {kPass, kNone, false, kPass, "agents"},
      {kFail, kPass, false, kFail, "agents"},          {kFail, kFail, false, kFail, "agents"},
      {kFail, kUnknown, false, kFail, "agents"},       {kFail, kNone, false, kFail, "agents"},
      {kUnknown, kPass, false, kUnknown, "agents"},    {kUnknown, kFail, false, kUnknown, "agents"},
      {kUnknown, kUnknown, false, kUnknown, "agents"}, {kUnknown, kNone, false, kUnknown, "agents"},
      {kNone, kPass, false, kNone, "agents"},          {kNone, kFail, false, kNone, "agents"},
      {kNone, kUnknown, false, kNone, "agents"},       {kNone, kNone, false, kNone, "agents"},
  };
  EXPECT_EQ(std::size(rows), 4U * 4U * 2U);
  for (const Row& row : rows) {
    const Verdict whole = combine({of("agents", row.agents), of("logstash", row.logstash, row.logstash_required)});
    EXPECT_EQ(whole.answer, row.whole);
    EXPECT_EQ(whole.reason, std::string{row.decides} + "-reason");
    ASSERT_EQ(whole.sources.size(), 2U);
    EXPECT_EQ(whole.sources.front().source, row.decides);
  }
}

TEST(Combination, names_what_each_source_found) {
  SourceVerdict logstash = of("logstash", Answer::inconclusive);
  logstash.verdict.text = "cannot tell: it is behind";
  const Verdict whole = combine({of("agents", Answer::pass), logstash, of("prometheus", Answer::fail, false)});
  EXPECT_EQ(
      whole.text,
      "logstash: cannot tell: it is behind; agents: pass: agents says so; prometheus (advisory): fail: prometheus "
      "says so");
  EXPECT_EQ(whole.judge, "logstash's");
  EXPECT_EQ(whole.sources.at(2), (SourceFinding{.source = "prometheus",
                                                .required = false,
                                                .answer = Answer::fail,
                                                .judge = "prometheus's",
                                                .reason = "prometheus-reason",
                                                .text = "prometheus says so"}));
}

TEST(Combination, of_one_source_is_its_own_verdict) {
  const SourceVerdict logstash = of("logstash", Answer::fail);
  EXPECT_EQ(combine({logstash}), logstash.verdict);
}

TEST(Combination, without_a_required_source_never_passes) {
  EXPECT_EQ(combine({of("logstash", Answer::pass, false)}).answer, Answer::inconclusive);
  EXPECT_EQ(combine({}).reason, "no-source");
}

}  // namespace
}  // namespace serin::judge
