#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/messages.h"
#include "protocol/rate_bound.h"

namespace serin::proxy {

// ---- what is to be done, in order ----
struct BeginContent {
  GetObject what;
  std::uint64_t bytes = 0, edition = 0;
};  ///< what came of it before is void
struct AppendContent {
  ObjectId name;
  std::string_view bytes;  ///< valid until the next call
};
struct FinishContent {
  ObjectId name;
};  ///< all of it came; not verified
struct FailContent {
  ObjectId name;
};  ///< the controller does not have it, or cannot be asked
using FetchAction = std::variant<BeginContent, AppendContent, FinishContent, FailContent>;
/// What it is about.
ObjectId name_of(const FetchAction& action);

/// What a proxy asks of the controller, and in which order the bytes come: whole packs and objects, one part of each in
/// turn, so that a large one does not hold up a small one, never more than limits::kCreditBytes outstanding. What has
/// begun to come has every second turn, so that it is not held up by any number of things that do not exist. Asks for
/// no more bytes a second than `bytes_per_s`; 0: no bound. Pure; single-threaded.
class FetchPlan {
 public:
  explicit FetchPlan(std::uint64_t bytes_per_s = 0) : rate_(bytes_per_s) {}

  /// Does nothing when it is on its way.
  void want(const GetObject& what);
  [[nodiscard]] bool empty() const { return jobs_.empty(); }
  /// Something was asked for and has not come.
  [[nodiscard]] bool waits() const { return outstanding_ != 0; }

  std::vector<GetObject> next_requests(SteadyTime now);
  /// What was not asked for is ignored. `corrupt` when a part is not what was asked for.
  Result<std::vector<FetchAction>> on_part(const ObjectPart& part, std::string_view payload);
  std::vector<FetchAction> on_refused(const ObjectRefused& refused, SteadyTime now);
  /// It cannot be kept: no more of it is asked for.
  void drop(const ObjectId& name);
  /// It could not be sent.
  void retry(const GetObject& request);
  /// The link ended: what has not come is asked for again.
  void ask_again();
  /// No link comes to be: what has not begun to come fails, or everything.
  std::vector<FetchAction> give_up_new();
  std::vector<FetchAction> give_up();

 private:
  struct Part {
    std::uint64_t offset = 0;
    std::uint32_t length = 0;
  };
  struct Job {
    GetObject what;
    bool begun = false;
    std::uint64_t bytes = 0, edition = 0;
    std::uint64_t asked = 0, written = 0;
    std::map<std::uint64_t, std::uint32_t> outstanding;  ///< length by offset
    std::map<std::uint64_t, std::string> early;          ///< parts that came while an earlier one had been refused
    std::deque<Part> retries;
    SteadyTime not_before{};
    Duration wait{};
  };
  std::optional<GetObject> request_of(Job& job, SteadyTime now);
  std::optional<GetObject> request_of_next(std::deque<ObjectId>& turns, SteadyTime now);
  void forget_requests(Job& job);
  void begin_anew(Job& job);

  std::map<ObjectId, Job> jobs_;
  std::deque<ObjectId> turns_, new_turns_;  ///< of those that have begun to come, and of the others
  bool new_ones_next_ = false;
  std::deque<std::string> given_;  ///< early parts that the last actions show
  std::uint64_t outstanding_ = 0;
  RateBound rate_;
  std::uint64_t came_ = 0;  ///< since the rate was told
};

}  // namespace serin::proxy
