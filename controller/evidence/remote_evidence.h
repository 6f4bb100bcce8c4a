#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controller/evidence/question.h"
#include "controller/evidence/source.h"

namespace serin::evidence {

/// A source of a deployment, with its numbers as they were when it started.
struct DeploymentSource {
  SourceKind source = SourceKind::agents;
  bool required = true;
  judge::JudgeKind judge = judge::JudgeKind::fixed;
  std::vector<std::string> judge_settings;  ///< that are not the usual ones: "key=value"
  Duration wait{};                          ///< without what an extension adds
  // Of a server:
  std::chrono::seconds step{1};
  std::chrono::seconds baseline{};
  std::chrono::seconds lead{};   ///< after the load: what is seen until then may have happened before it
  std::chrono::seconds delay{};  ///< so long everything may take
  Duration delay_max{};
  bool knows_lines = true;
  bool silence_is_usual = false;  ///< a host that has nothing to tell says nothing
  bool errors_only = false;       ///< and may have had nothing to tell in all of its baseline
  friend bool operator==(const DeploymentSource&, const DeploymentSource&) = default;
};

/// What a server said of one host of the plan.
struct RemoteHost {
  bool asked = false;                      ///< it is asked about at all
  std::vector<fleet::SecondSpan> trusted;  ///< when it ran a trusted release, until the deployment began
  fleet::HostSeconds before, since;        ///< one element for each step
  std::optional<std::int64_t> newest;      ///< second of its newest document or sample, by the newest answer
  friend bool operator==(const RemoteHost&, const RemoteHost&) = default;
};

/// What a server said of a deployment; stored host by host, but for what is said to be not.
struct RemoteEvidence {
  std::vector<RemoteHost> hosts;       ///< in the plan's order
  std::optional<std::int64_t> newest;  ///< of any host
  std::optional<SteadyTime> read_at;   ///< when the newest good answer about `since` was asked for
  // Not stored
  std::string trouble;               ///< why the newest question has no answer
  std::string lost;                  ///< what was there and is gone: nothing can be told any more
  std::vector<TopMessage> messages;  ///< of the newest answer
  bool waits = false;                ///< a question is under way
  std::uint64_t question = 0;        ///< its id
  SteadyTime ask_again{};            ///< not before this
  [[nodiscard]] bool has_before() const;
};

/// Takes an answer in. Hosts that are not in the plan are left out. Fewer documents than before are a loss: somebody
/// empties the index.
void take_reading(RemoteEvidence& evidence, const Question& question, const Reading& reading);

/// What a server said, for a judge. A step is heard when everything of it had its time: the host's newest document is
/// younger; or its silence says nothing, going by what it usually writes, and the newest document of all hosts is. A
/// host that had no document before the deployment is unknown, unless silence is usual. It refers to all that it is
/// made of.
class RemoteSource final : public Source {
 public:
  RemoteSource(const DeploymentSource& source, const RemoteEvidence& evidence, Now now)
      : source_(source), evidence_(evidence), now_(now) {}

  [[nodiscard]] std::chrono::seconds step() const override { return source_.step; }
  [[nodiscard]] bool heard(std::size_t host, std::int64_t second) const override;
  [[nodiscard]] bool complete(std::size_t host, std::int64_t second) const override;
  [[nodiscard]] Duration patience() const override { return source_.delay_max; }
  [[nodiscard]] bool knows_lines() const override { return source_.knows_lines; }
  [[nodiscard]] judge::Tally before(std::size_t host) const override;
  [[nodiscard]] const fleet::HostSeconds& steps_before(std::size_t host) const override;
  [[nodiscard]] judge::Tally after(std::size_t host, std::int64_t from, std::int64_t until) const override;
  [[nodiscard]] std::uint64_t longest_silence(std::size_t host, std::int64_t from, std::int64_t until) const override;
  [[nodiscard]] judge::Counts at(std::size_t host, std::int64_t second) const override;
  [[nodiscard]] std::vector<SignatureCount> messages(std::size_t host, std::int64_t second) const override;
  [[nodiscard]] std::optional<Unknown> unknown(std::size_t host, std::int64_t from, std::int64_t until) const override;
  [[nodiscard]] std::optional<Unknown> unknown() const override;
  [[nodiscard]] std::string top_messages() const override;

  /// How far behind the hosts' evidence is; nothing before the first answer.
  [[nodiscard]] std::optional<std::chrono::seconds> behind() const;

 private:
  /// Seconds before this are here.
  [[nodiscard]] std::int64_t known_until(std::size_t host) const;
  /// What `known_until` less than the window's end comes from.
  [[nodiscard]] Unknown late(const RemoteHost& host) const;
  [[nodiscard]] double lines_of_all() const;
  [[nodiscard]] double lines_per_second(const RemoteHost& host) const;
  [[nodiscard]] bool tells_by_silence(double lines_per_second, std::int64_t since) const;
  [[nodiscard]] std::int64_t asked_second() const;

  const DeploymentSource& source_;
  const RemoteEvidence& evidence_;
  Now now_;
};

}  // namespace serin::evidence
