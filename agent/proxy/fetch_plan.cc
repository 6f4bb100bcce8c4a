#include "agent/proxy/fetch_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "protocol/limits.h"

namespace serin::proxy {

namespace {

constexpr Duration kRetryMax = std::chrono::milliseconds{500};
/// Of an object how large it is is known with its first part; most are small, and many are asked for at once.
constexpr std::uint32_t kFirstBytes = 16U << 10;

}  // namespace

ObjectId name_of(const FetchAction& action) {
  if (const auto* begin = std::get_if<BeginContent>(&action)) return begin->what.object;
  if (const auto* append = std::get_if<AppendContent>(&action)) return append->name;
  if (const auto* finish = std::get_if<FinishContent>(&action)) return finish->name;
  return std::get<FailContent>(action).name;
}

void FetchPlan::want(const GetObject& what) {
  const auto [job, is_new] = jobs_.try_emplace(what.object);
  if (!is_new) return;
  job->second.what = what;
  new_turns_.push_back(what.object);
}

std::optional<GetObject> FetchPlan::request_of(Job& job, SteadyTime now) {
  if (job.not_before > now) return std::nullopt;
  GetObject request = job.what;
  if (!job.retries.empty()) {
    request.offset = job.retries.front().offset;
    request.length = job.retries.front().length;
    job.retries.pop_front();
  } else if (!job.begun ? job.outstanding.empty() : job.asked < job.bytes) {
    // How large it is is known with the first part.
    request.offset = job.asked;
    request.length = job.begun || job.what.is_pack() ? limits::kChunkBytes : kFirstBytes;
    job.asked += request.length;
  } else {
    return std::nullopt;
  }
  job.outstanding[request.offset] = request.length;
  outstanding_ += request.length;
  return request;
}

std::optional<GetObject> FetchPlan::request_of_next(std::deque<ObjectId>& turns, SteadyTime now) {
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const ObjectId name = turns.front();
    turns.pop_front();
    turns.push_back(name);
    if (auto request = request_of(jobs_.at(name), now)) return request;
  }
  return std::nullopt;
}

std::vector<GetObject> FetchPlan::next_requests(SteadyTime now) {
  std::vector<GetObject> requests;
  rate_.passed(std::exchange(came_, 0), now);
  if (rate_.wait(now) > Duration{0}) return requests;
  std::size_t without = 0;  // rings in a row that had nothing to ask
  while (without < 2 && outstanding_ + limits::kChunkBytes <= limits::kCreditBytes) {
    new_ones_next_ = !new_ones_next_;
    if (auto request = request_of_next(new_ones_next_ ? new_turns_ : turns_, now)) {
      requests.push_back(*request);
      without = 0;
    } else {
      ++without;
    }
  }
  return requests;
}

void FetchPlan::forget_requests(Job& job) {
  for (const auto& [offset, length] : job.outstanding) outstanding_ -= length;
  job.outstanding.clear();
}

void FetchPlan::begin_anew(Job& job) {
  forget_requests(job);
  std::erase(turns_, job.what.object);
  new_turns_.push_back(job.what.object);
  job = Job{.what = job.what};
}

void FetchPlan::drop(const ObjectId& name) {
  const auto job = jobs_.find(name);
  if (job == jobs_.end()) return;
  forget_requests(job->second);
  std::erase(job->second.begun ? turns_ : new_turns_, name);
  jobs_.erase(job);
}

Result<std::vector<FetchAction>> FetchPlan::on_part(const ObjectPart& part, std::string_view payload) {
  std::vector<FetchAction> actions;
  given_.clear();
  const auto found = jobs_.find(part.object);
  if (found == jobs_.end()) return actions;
  Job& job = found->second;
  const auto asked = job.outstanding.find(part.offset);
  if (asked == job.outstanding.end()) return actions;
  came_ += payload.size();
  const std::uint64_t length = std::min<std::uint64_t>(asked->second, part.object_bytes - part.offset);
  if (payload.size() != length || job.what.is_pack() != (part.edition != 0)) {
    return failure(ErrorKind::corrupt, fmt::format("a part of {} is not what was asked for", part.object.brief()));
  }
  outstanding_ -= asked->second;
  job.outstanding.erase(asked);
  job.wait = {};
  if (job.begun && (part.object_bytes != job.bytes || part.edition != job.edition)) {
    // It was made again, and otherwise.
    begin_anew(job);
    return actions;
  }
  if (!job.begun) {
    job.begun = true;
    std::erase(new_turns_, part.object);
    turns_.push_back(part.object);
    job.bytes = part.object_bytes;
    job.edition = part.edition;
    actions.emplace_back(BeginContent{.what = job.what, .bytes = job.bytes, .edition = job.edition});
  }
  if (part.offset != job.written) {
    job.early[part.offset] = payload;
    return actions;
  }
  actions.emplace_back(AppendContent{.name = part.object, .bytes = payload});
  job.written += payload.size();
  for (auto next = job.early.find(job.written); next != job.early.end(); next = job.early.find(job.written)) {
    given_.push_back(std::move(next->second));
    job.early.erase(next);
    actions.emplace_back(AppendContent{.name = part.object, .bytes = given_.back()});
    job.written += given_.back().size();
  }
  if (job.written == job.bytes) {
    actions.emplace_back(FinishContent{part.object});
    drop(part.object);
  }
  return actions;
}

std::vector<FetchAction> FetchPlan::on_refused(const ObjectRefused& refused, SteadyTime now) {
  const auto found = jobs_.find(refused.object);
  if (found == jobs_.end()) return {};
  Job& job = found->second;
  const auto asked = job.outstanding.find(refused.offset);
  if (asked == job.outstanding.end()) return {};
  if (refused.reason != RefusalReason::busy) {
    drop(refused.object);
    return {FailContent{refused.object}};
  }
  job.retries.push_back({.offset = asked->first, .length = asked->second});
  outstanding_ -= asked->second;
  job.outstanding.erase(asked);
  // Parts that were on their way together count as one time.
  if (now < job.not_before) return {};
  const Duration least = std::min<Duration>(Duration{std::max<std::uint32_t>(refused.retry_ms, 1)}, kRetryMax);
  job.wait = std::clamp<Duration>(2 * job.wait, least, kRetryMax);
  job.not_before = now + job.wait;
  return {};
}

void FetchPlan::retry(const GetObject& request) {
  const auto found = jobs_.find(request.object);
  if (found == jobs_.end()) return;
  Job& job = found->second;
  if (job.outstanding.erase(request.offset) == 0) return;
  outstanding_ -= request.length;
  job.retries.push_back({.offset = request.offset, .length = request.length});
}

void FetchPlan::ask_again() {
  for (auto& [name, job] : jobs_) {
    for (const auto& [offset, length] : job.outstanding) job.retries.push_back({.offset = offset, .length = length});
    forget_requests(job);
    job.not_before = {};
  }
}

std::vector<FetchAction> FetchPlan::give_up_new() {
  std::vector<FetchAction> actions;
  for (const ObjectId& name : std::exchange(new_turns_, {})) {
    forget_requests(jobs_.at(name));
    jobs_.erase(name);
    actions.emplace_back(FailContent{name});
  }
  return actions;
}

std::vector<FetchAction> FetchPlan::give_up() {
  std::vector<FetchAction> actions;
  actions.reserve(jobs_.size());
  for (const auto& [name, job] : jobs_) actions.emplace_back(FailContent{name});
  jobs_.clear();
  turns_.clear();
  new_turns_.clear();
  outstanding_ = 0;
  return actions;
}

}  // namespace serin::proxy
