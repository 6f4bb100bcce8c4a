#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/fleet/message_ring.h"
#include "controller/fleet/samples.h"
#include "controller/fleet/trusted_spans.h"
#include "controller/judge/fixed_judge.h"
#include "protocol/clock.h"
#include "protocol/messages.h"

namespace serin::fleet {

inline constexpr std::size_t kClockWindow = 64;

/// What hosts reported, by the controller's clock: seconds of the last ten minutes, 10 s sums of the last hour. Reports
/// are absolute, so a second that comes again replaces what was there. A second without a report is unknown, never
/// zero. Host seconds are aligned by the smallest (controller time - host time) seen within one boot of the host, so
/// that a slow message does not shift them and a stepped wall clock does not matter; the host's clock may drift: the
/// smallest of the last kClockWindow messages counts in the end. Memory is bounded by hosts x
/// limits::kApplicationsPerHostMax x rings: what a host reports of further applications is dropped. Pure;
/// single-threaded.
class ReportLedger {
 public:
  /// The report that is newest for this run; what HeartbeatReply acknowledges.
  struct Position {
    std::string run;
    std::uint64_t sequence = 0;
  };

  /// A new session: the shift is learnt anew when the host's clock began anew (a reboot).
  void begin_session(const HostName& host, const std::string& boot_id, std::int64_t host_clock_ms, Now now);
  /// Takes a report in; gives the seconds (controller's clock) that were new or changed.
  std::vector<ChangedSample> record(const HostName& host, const Report& report, Now now);
  /// A sample from the database, after a restart.
  void restore(const ApplicationName& application, const Sample& sample);
  void forget(const HostName& host);

  [[nodiscard]] Position position(const HostName& host) const;
  /// The second of the host's own clock from which its counts are wanted again.
  [[nodiscard]] std::int64_t wanted_since(const HostName& host) const;

  /// This host's seconds of this application are those of a trusted release, from then on and until end_trust().
  void trust(const HostName& host, const ApplicationName& application, SteadyTime from);
  void end_trust(const HostName& host, const ApplicationName& application, SteadyTime at);
  /// When, before this second, they were; the newest TrustedSpans::kKept stretches.
  [[nodiscard]] std::vector<SecondSpan> trusted_before(const HostName& host, const ApplicationName& application,
                                                       std::int64_t second) const;
  /// The host has been on a trusted release for so long in this second.
  [[nodiscard]] bool trusted_for(const HostName& host, const ApplicationName& application, std::int64_t second,
                                 std::chrono::seconds length) const;
  /// Seconds from this one on until now are no baseline, whatever they were taken for.
  void distrust(const HostName& host, const ApplicationName& application, std::int64_t from, Now now);

  /// Sums over trusted seconds before `until`, of the hour before it (its oldest ten seconds may be left out).
  [[nodiscard]] judge::Tally baseline(const HostName& host, const ApplicationName& application,
                                      std::int64_t until) const;
  /// Sums over reported seconds in [from, until), trusted or not.
  [[nodiscard]] judge::Tally window(const HostName& host, const ApplicationName& application, std::int64_t from,
                                    std::int64_t until) const;
  /// Most seconds in a row within [from, until) without a report.
  [[nodiscard]] std::uint64_t longest_silence(const HostName& host, const ApplicationName& application,
                                              std::int64_t from, std::int64_t until) const;
  /// What the host itself said that it did not see in [from, until); empty: nothing.
  [[nodiscard]] std::string gap(const HostName& host, const ApplicationName& application, std::int64_t from,
                                std::int64_t until) const;
  /// Errors per second over the newest `seconds` reported ones; nothing when none was reported within the last 10 s.
  [[nodiscard]] std::optional<double> error_rate(const HostName& host, const ApplicationName& application,
                                                 SteadyTime now, std::int64_t seconds) const;
  /// One second; one without a report when it is older than the ring, too.
  [[nodiscard]] SecondOfHost at(const HostName& host, const ApplicationName& application, std::int64_t second) const;
  /// The newest second that the host reported; -1: none.
  [[nodiscard]] std::int64_t newest(const HostName& host, const ApplicationName& application) const;
  /// All seconds in [from, until), in one array.
  [[nodiscard]] HostSeconds seconds(const HostName& host, const ApplicationName& application, std::int64_t from,
                                    std::int64_t until) const;
  /// Of the rules that made the newest counts; empty: none came yet.
  [[nodiscard]] std::string rules_hash(const HostName& host, const ApplicationName& application) const;
  /// The messages of one second; known for MessageRing::kFineSeconds. Valid until the next report.
  [[nodiscard]] const std::vector<SignatureCount>& signatures(const HostName& host, const ApplicationName& application,
                                                              std::int64_t second) const;
  /// The messages of seconds >= since, each with its sum.
  [[nodiscard]] std::map<SignatureId, std::uint64_t> messages(const HostName& host, const ApplicationName& application,
                                                              std::int64_t since) const;
  /// Everything that the host has counted since this controller began to listen to it, or before, in the run that it
  /// was in then: the last totals of each of its runs, added up. Exact whatever was lost on the way.
  [[nodiscard]] RunTotals totals(const HostName& host, const ApplicationName& application) const;
  /// The seconds in [from, until) that were reported, ascending; with their messages as signatures() has them.
  [[nodiscard]] std::vector<Sample> samples(const HostName& host, const ApplicationName& application, std::int64_t from,
                                            std::int64_t until) const;

 private:
  struct Cell {
    std::int64_t second = -1;
    std::uint32_t errors = 0, lines = 0, requests = 0;
    bool trusted = false;
  };
  struct Sum {
    std::int64_t start = -1;                           ///< first second of ten
    std::uint32_t errors = 0, lines = 0, seconds = 0;  ///< trusted ones only
  };
  struct Gap {
    std::int64_t from, until;
    std::string text;
  };
  struct Series {
    std::vector<Cell> fine;
    std::vector<Sum> coarse;
    std::deque<Gap> gaps;
    TrustedSpans trusted;
    std::string rules_hash;
    std::int64_t newest = -1;
    MessageRing messages;
    std::string run;  ///< that `totals` are of
    RunTotals totals, former_runs;
  };
  struct Clock {
    std::string boot_id;
    std::optional<std::int64_t> shift_s;  ///< controller second minus host second
    std::int64_t smallest_ms = 0;         ///< (controller time - host time) of the last `messages` ones
    std::size_t messages = 0;
    Position position;
    std::int64_t newest_host_second = 0;
  };
  static void learn(Clock& clock, std::int64_t host_clock_ms, Now now);
  Series& series(const HostName& host, const ApplicationName& application);
  [[nodiscard]] std::size_t applications_of(const HostName& host) const;
  void record_application(const HostName& host, const ApplicationCounts& counts, Clock& clock, Now now,
                          std::vector<ChangedSample>& changed);
  static void record_totals(Series& series, const std::string& run, const RunTotals& totals);
  static void note_gap(Series& series, Gap gap);
  static SecondOfHost cell_at(const Series& series, std::int64_t second);
  template <class Use>
  static void for_each_cell(const Series& series, std::int64_t from, std::int64_t until, const Use& use);
  static void add_to_tally(judge::Tally& tally, const Cell& cell);
  [[nodiscard]] const Series* find(const HostName& host, const ApplicationName& application) const;
  static const Cell* put(Series& series, const Cell& next);
  static void add_to_sum(Series& series, const Cell& cell, bool add);
  static void forget_baseline(Series& series);

  std::map<HostName, Clock> clocks_;
  std::map<ApplicationName, std::map<HostName, Series>> series_;
};

}  // namespace serin::fleet
