#include "controller/evidence/evidence_worker_http.h"

#include <exception>

#include "protocol/limits.h"

namespace serin::evidence {

namespace {
constexpr auto kLooksAround = std::chrono::seconds{1};
}

EvidenceWorker::EvidenceWorker() : thread_([this](const std::stop_token& stop) { run(stop); }) {}

EvidenceWorker::~EvidenceWorker() {
  thread_.request_stop();
  questions_.post({});  // wakes it
}

void EvidenceWorker::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    while (auto asked = questions_.take()) {
      if (!stop.stop_requested()) begin(std::move(*asked));
    }
    admit();
    for (auto& ended : transfers_.wait(questions_.fd(), kLooksAround)) take(std::move(ended));
  }
}

void EvidenceWorker::begin(controller::AskSource asked) {
  Job job{.asked = std::move(asked),
          .requests = {},
          .answers = {},
          .awaited = 0,
          .begun = std::chrono::steady_clock::now()};
  auto requests = requests_of(job.asked.question);
  if (!requests) {
    answers_.post({job.asked.client, {.question = job.asked.question, .reading = std::unexpected(requests.error())}});
    return;
  }
  job.requests = std::move(*requests);
  job.answers.resize(job.requests.size());
  waiting_.push_back(next_);
  jobs_.emplace(next_++, std::move(job));
}

void EvidenceWorker::admit() {
  while (!waiting_.empty()) {
    Job& job = jobs_.at(waiting_.front());
    const std::size_t busy = transfers_.under_way();
    if (busy > 0 && busy + job.requests.size() > limits::kSourceRequestsMax) return;
    const HttpSettings& server = job.asked.question.settings.http;
    const std::string scheme = job.asked.question.source == SourceKind::logstash ? "ApiKey" : "Bearer";
    job.awaited = job.requests.size();
    for (std::size_t i = 0; i < job.requests.size(); ++i) {
      place_of_[next_] = {waiting_.front(), i};
      transfers_.add(next_++, server, job.requests[i], scheme);
    }
    waiting_.pop_front();
  }
}

void EvidenceWorker::take(HttpTransfers::Ended ended) {
  const auto [id, request] = place_of_.extract(ended.id).mapped();
  Job& job = jobs_.at(id);
  job.answers[request] = std::move(ended.answer);
  if (--job.awaited == 0) end(jobs_.extract(id).mapped());
}

void EvidenceWorker::end(const Job& job) {
  const auto took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - job.begun);
  Answer answer{.question = job.asked.question, .reading = failure(ErrorKind::io, ""), .took = took};
  try {
    answer.reading = reading_of(job.asked.question, job.requests, job.answers);
  } catch (const std::exception& error) {  // such as too little memory: an answer must not end the daemon
    answer.reading = failure(ErrorKind::no_space, error.what());
  }
  answers_.post({job.asked.client, std::move(answer)});
}

}  // namespace serin::evidence
