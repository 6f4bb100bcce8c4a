#include "agent/proxy/fetch_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "protocol/limits.h"

namespace serin::proxy {

namespace {

constexpr Duration kRetryMax = std::chrono::milliseconds{500};

}  // namespace

void FetchPlan::want(const GetObject& what) {
  const auto [job, is_new] = jobs_.try_emplace(what.object);
  if (!is_new) return;
  job->second.what = what;
  turns_.push_back(what.object);
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
    request.length = limits::kChunkBytes;
    job.asked += request.length;
  } else {
    return std::nullopt;
  }
  job.outstanding[request.offset] = request.length;
  outstanding_ += request.length;
  return request;
}

std::vector<GetObject> FetchPlan::next_requests(SteadyTime now) {
  std::vector<GetObject> requests;
  std::size_t without = 0;  // jobs in a row that had nothing to ask
  while (without < turns_.size() && outstanding_ + limits::kChunkBytes <= limits::kCreditBytes) {
    const ObjectId name = turns_.front();
    turns_.pop_front();
    turns_.push_back(name);
    if (auto request = request_of(jobs_.at(name), now)) {
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
  job = Job{.what = job.what};
}

void FetchPlan::drop(const ObjectId& name) {
  const auto job = jobs_.find(name);
  if (job == jobs_.end()) return;
  forget_requests(job->second);
  jobs_.erase(job);
  std::erase(turns_, name);
}

Result<std::vector<FetchAction>> FetchPlan::on_part(const ObjectPart& part, std::string_view payload) {
  std::vector<FetchAction> actions;
  given_.clear();
  const auto found = jobs_.find(part.object);
  if (found == jobs_.end()) return actions;
  Job& job = found->second;
  const auto asked = job.outstanding.find(part.offset);
  if (asked == job.outstanding.end()) return actions;
  const std::uint64_t length = std::min<std::uint64_t>(asked->second, part.object_bytes - part.offset);
  if (payload.size() != length || job.what.is_pack() != (part.edition != 0)) {
    return failure(ErrorKind::corrupt, fmt::format("a part of {} is not what was asked for", part.object.brief()));
  }
  outstanding_ -= asked->second;
  job.outstanding.erase(asked);
  job.wait = {};
  if (job.begun && (part.object_bytes != job.bytes || part.edition != job.edition)) {
    // It was made again, and otherwise.
    forget_requests(job);
    begin_anew(job);
    return actions;
  }
  if (!job.begun) {
    job.begun = true;
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
  job.wait = std::clamp<Duration>(2 * job.wait, Duration{std::max<std::uint32_t>(refused.retry_ms, 1)}, kRetryMax);
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

std::vector<FetchAction> FetchPlan::give_up() {
  std::vector<FetchAction> actions;
  actions.reserve(jobs_.size());
  for (const auto& [name, job] : jobs_) actions.emplace_back(FailContent{name});
  jobs_.clear();
  turns_.clear();
  outstanding_ = 0;
  return actions;
}

}  // namespace serin::proxy
