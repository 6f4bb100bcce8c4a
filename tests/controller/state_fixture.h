#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <string>
#include <vector>

#include "controller/state_db.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::controller::testing {

/// Bytes that are no text: a NUL, no UTF-8, quotes, ends of line, an escape.
inline const std::string kOddBytes{"a\0b\xff\xfe'\"\\\n\t\x1b[31m\xc3\x28 \xe2\x82\xac\0", 22};

/// Another program that has the file open.
class OtherProgram {
 public:
  explicit OtherProgram(const std::filesystem::path& file) {
    if (::sqlite3_open(file.c_str(), &database_) != SQLITE_OK) throw std::runtime_error("open " + file.string());
  }
  ~OtherProgram() { ::sqlite3_close(database_); }
  OtherProgram(const OtherProgram&) = delete;
  OtherProgram& operator=(const OtherProgram&) = delete;

  /// The rows, columns joined by '|'.
  std::vector<std::string> run(const std::string& sql) {
    std::vector<std::string> rows;
    char* error = nullptr;
    const auto take = [](void* into, int count, char** values, char** /*names*/) {
      std::string row;
      for (int i = 0; i < count; ++i) {
        row += (i == 0 ? "" : "|") + std::string(values[i] == nullptr ? "NULL" : values[i]);
      }
      static_cast<std::vector<std::string>*>(into)->push_back(row);
      return 0;
    };
    if (::sqlite3_exec(database_, sql.c_str(), take, &rows, &error) != SQLITE_OK) {
      const std::string text = error == nullptr ? "sqlite" : error;
      ::sqlite3_free(error);
      throw std::runtime_error(text);
    }
    return rows;
  }

 private:
  sqlite3* database_ = nullptr;
};

/// A database in a folder of its own.
struct StateFixture : ::testing::Test {
  static StateDb open(const std::filesystem::path& file) {
    auto database = StateDb::open(file);
    if (!database) throw std::runtime_error(database.error().text);
    return std::move(*database);
  }
  /// What the next start of the daemon finds.
  [[nodiscard]] StoredState loaded() const {
    auto state = open(file).load();
    if (!state) throw std::runtime_error(state.error().text);
    return std::move(*state);
  }
  void commit(const std::vector<Record>& records) {
    const auto done = database.commit(records);
    ASSERT_TRUE(done) << done.error().text;
  }

  TemporaryFolder folder;
  std::filesystem::path file = folder / "serin.db";
  StateDb database = open(file);
};

inline judge::SequentialNumbers sample_numbers() {
  return {.ratio = 4.0 / 3.0,
          .ratio_low = 0.5,
          .ratio_high = 1e300,
          .canary_rate = 1,
          .control_rate = 2,
          .canary_errors = 3,
          .control_errors = 4,
          .capped = true,
          .fail_evidence = 5,
          .fail_evidence_without_one = -6,
          .pass_evidence = 7,
          .pass_evidence_adverse = 8,
          .dispersion = 9,
          .spread = 10,
          .set_aside = {{.host = "web-1", .role = judge::Role::canary, .why = "why " + kOddBytes}},
          .signatures = {{.id = kOddBytes, .sample = "sample " + kOddBytes, .count = 11, .hosts = 12, .fails = true}}};
}

/// A deployment with a value in every field that is stored.
inline rollout::Rollout sample_rollout(DeploymentId id) {
  rollout::Rollout rollout;
  rollout.id = id;
  rollout.application = "shop";
  rollout.release = 1'234'567'890'123;
  rollout.owner = kOddBytes;
  rollout.message = "message " + kOddBytes;
  rollout.force = true;
  rollout.rollback = true;
  rollout.first_release = true;
  rollout.started_wall = WallTime{Duration{1'700'000'000'001}};
  rollout.started_at = SteadyTime{Duration{1'600'000'000'002}};
  rollout.judge = JudgeKind::sequential;
  rollout.wait = Duration{20'500};
  rollout.hold_back_until = Duration{20'001};
  rollout.settle = std::chrono::seconds{7};
  rollout.extend = Duration{60'001};
  rollout.sources = {{.source = evidence::SourceKind::agents, .judge = JudgeKind::sequential},
                     {.source = evidence::SourceKind::logstash,
                      .required = false,
                      .judge = JudgeKind::fixed,
                      .judge_settings = {"threshold=5"},
                      .wait = Duration{20'002},
                      .step = std::chrono::seconds{10},
                      .baseline = std::chrono::seconds{3'600},
                      .lead = std::chrono::seconds{1},
                      .delay = std::chrono::seconds{5},
                      .delay_max = Duration{60'003},
                      .knows_lines = false,
                      .silence_is_usual = true,
                      .errors_only = true}};
  rollout.extended = true;
  rollout.min_canaries = 3;
  rollout.max_in_flight = {.count = 7, .percent = 0};
  rollout.failure_limit = {.count = 0, .percent = 12.3};
  rollout.step_deadline = Duration{300'001};
  rollout.hold_limit = Duration{1'800'001};
  rollout.on_inconclusive = OnInconclusive::extend;
  rollout.on_hold_end = OnHoldEnd::keep;
  rollout.on_canary_lost = OnCanaryLost::hold;
  rollout.stages = {{.name = "canary", .judged = true}, {.name = "last", .held_back = true}};
  rollout.hosts = {{.host = "web-9",
                    .stage = 0,
                    .former = 1'234'567'890'122,
                    .step = rollout::HostStep::broken,
                    .sequence = 4,
                    .ordered = OrderAction::activate,
                    .touched = true,
                    .ordered_at = SteadyTime{Duration{1'600'000'000'003}},
                    .loaded_at = SteadyTime{Duration{1'600'000'000'004}},
                    .detail = "exit 1: " + kOddBytes},
                   {.host = "web-1", .stage = 1}};
  rollout.phase = rollout::Phase::held;
  rollout.stage = 1;
  rollout.phase_since = SteadyTime{Duration{1'600'000'000'005}};
  rollout.soak_from = SteadyTime{Duration{1'600'000'000'006}};
  rollout.verdict = judge::Verdict{.answer = judge::Answer::inconclusive,
                                   .judge = "fixed",
                                   .reason = "gap",
                                   .text = "text " + kOddBytes,
                                   .seconds = 20.25,
                                   .hosts = {{.host = "web-9",
                                              .rate_before = 1.0 / 3.0,
                                              .rate_after = 1e-17,
                                              .limit = 0.1,
                                              .over = true,
                                              .trouble = "trouble " + kOddBytes}},
                                   .numbers = sample_numbers(),
                                   .sources = {{.source = "logstash",
                                                .required = false,
                                                .answer = judge::Answer::fail,
                                                .judge = "fixed",
                                                .reason = "over",
                                                .text = "text " + kOddBytes,
                                                .seconds = 0.5}}};
  rollout.forced_on = true;
  rollout.reason = "reason " + kOddBytes;
  rollout.ending = rollout::Ending::aborted;
  rollout.ended_wall = WallTime{Duration{1'700'000'000'007}};
  return rollout;
}

/// Its rows, as a new deployment stores them.
inline std::vector<Record> rows_of(const rollout::Rollout& rollout) {
  std::vector<Record> rows{StoreDeployment{rollout}};
  for (const rollout::PlanHost& host : rollout.hosts) {
    rows.emplace_back(StorePlanHost{rollout.id, host, WallTime{Duration{1'700'000'000'000}}});
  }
  return rows;
}

}  // namespace serin::controller::testing
