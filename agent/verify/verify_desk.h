#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "agent/verify/drift_list.h"
#include "protocol/clock.h"
#include "protocol/messages.h"
#include "protocol/release.h"

namespace serin::drift {

/// What is live of an application now, as its worker says.
struct Live {
  ReleaseNumber release = 0;  ///< 0: nothing
  ObjectId root;
  bool at_work = false;  ///< a step of a deployment
};

/// How one look at a tree ended.
struct Looked {
  std::uint64_t number = 0;
  bool ended = false;
  std::string trouble;
  DriftList drifts;
  std::uint64_t files = 0, bytes = 0;
  std::string last;
  bool unread_folders = false;
};

// ---- what is to be done ----
/// One at a time.
struct StartLook {
  std::uint64_t number = 0;
  ApplicationName application;
  ReleaseNumber release = 0;
  ObjectId root;
  std::string after;
  std::uint64_t bytes_per_s = 0;
};
struct StopLook {};
struct StartMend {
  ApplicationName application;
  Release release;
  std::vector<Drift> drifts;
};
struct SendReport {
  VerifyReport report;
};
/// For the host's status.
struct NoteDrift {
  ApplicationName application;
  std::uint64_t drift = 0;
  std::string path;
};
using Deed = std::variant<StartLook, StopLook, StartMend, SendReport, NoteDrift>;
using Deeds = std::vector<Deed>;

struct DeskSettings {
  std::uint64_t verify_bytes_per_s = 0;  ///< 0: no bound
  std::uint64_t scrub_bytes_per_s = 0;   ///< 0: no scrubbing
  Duration scrub_every{};
};

/// Decides whose live tree is looked at next: what operators ask for first, then rounds of scrubbing, one of each
/// application in `scrub_every`; the first after a random part of that, an hour at most. An order of a deployment comes
/// before both: an operator's verify ends with that reason, a round goes on where it stood. Scrubbing tells and never
/// mends. Pure; one thread. The caller gives Live with every call that may begin something.
class VerifyDesk {
 public:
  using Lives = std::map<ApplicationName, Live>;
  VerifyDesk(const DeskSettings& settings, const std::vector<ApplicationName>& applications, std::uint64_t seed,
             Now now);

  /// From the controller, its release verified. The same number again gets the newest report.
  Deeds take(const VerifyRequest& request, const Release& release, const Lives& lives, Now now);
  /// A step of this application is about to begin.
  Deeds on_order(const ApplicationName& application);
  Deeds on_looked(const Looked& looked, const Lives& lives, Now now);
  Deeds on_mended(const ApplicationName& application, const std::vector<Drift>& drifts, std::uint64_t mended,
                  const std::string& trouble, const Lives& lives, Now now);
  /// Once a second.
  Deeds on_tick(const Lives& lives, Now now);
  /// When the whole tree was last looked at; nothing: not by this process.
  [[nodiscard]] std::optional<SteadyTime> verified_at(const ApplicationName& application) const;

 private:
  struct Verify {
    VerifyRequest request;
    Release release;
    VerifyReport report;
    std::uint32_t passes = 0;  ///< of mending
    bool interrupted = false;  ///< by an order
    bool again = false;        ///< more is to be seen once these are mended
    bool hidden = false;       ///< some of it was not even counted
  };
  struct Round {
    SteadyTime due{};
    std::string after;  ///< where the one that was interrupted stands
    DriftList drifts;
  };
  struct Application {
    std::optional<Verify> verify;
    std::optional<VerifyReport> newest;  ///< the final one of the last verify
    Round round;
    std::optional<SteadyTime> verified_at;
    std::uint64_t drift = 0;
    ObjectId drift_root;  ///< of the tree in which it was found
  };
  struct AtWork {
    std::uint64_t number = 0;
    ApplicationName application;
    bool scrub = false;
    bool stopping = false;
  };

  void begin_next(const Lives& lives, Now now, Deeds& deeds);
  void begin_look(const ApplicationName& name, bool scrub, const Live& live, Deeds& deeds);
  void verify_looked(const ApplicationName& name, const Looked& looked, Now now, Deeds& deeds);
  void scrub_looked(const ApplicationName& name, const Looked& looked, bool stopped, Now now, Deeds& deeds);
  void finish(const ApplicationName& name, Deeds& deeds);
  void note(const ApplicationName& name, std::uint64_t drift, const std::vector<Drift>& drifts, Deeds& deeds);

  DeskSettings settings_;
  std::map<ApplicationName, Application> applications_;
  std::deque<ApplicationName> waiting_;  ///< for a look that an operator asked for
  std::optional<AtWork> at_work_;
  std::uint64_t newest_look_ = 0;
};

}  // namespace serin::drift
