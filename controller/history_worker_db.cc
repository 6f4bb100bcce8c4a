#include "controller/history_worker_db.h"

#include <fmt/format.h>

#include "controller/judge/tune.h"
#include "controller/operate/answers.h"
#include "controller/operate/render.h"
#include "controller/operate/show.h"
#include "protocol/limits.h"

namespace serin::controller {

namespace {
constexpr std::size_t kTuneDeployments = 50;
}

template <class Read>
void HistoryWorker::answer_with_care(const Read& read, Now now) {
  try {
    for (OperatorEvent& event : answer(read, now)) answers_.post({read.client, std::move(event)});
  } catch (const std::exception& error) {  // such as too little memory: a question must not end the daemon
    answers_.post({read.client, operate::error_event(fmt::format("cannot answer: {}", error.what()), 1)});
  }
}

HistoryWorker::HistoryWorker(StateDb reader)
    : reader_(std::move(reader)), thread_([this](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          const auto question = questions_.wait(stop);
          if (!question) continue;
          std::visit([&](const auto& what) { answer_with_care(what, question->now); }, question->what);
        }
      }) {}

HistoryWorker::~HistoryWorker() {
  thread_.request_stop();
}

std::vector<OperatorEvent> HistoryWorker::answer(const ReadHistory& read, Now now) {
  const auto lines = reader_.history(read.application, read.most);
  if (!lines) return {operate::error_event(lines.error().text, operate::exit_code_of(lines.error()))};
  return {operate::render_history(*lines, now)};
}

std::vector<OperatorEvent> HistoryWorker::answer(const ReadDeployment& read, Now now) {
  const auto stored = reader_.deployment(read.deployment);
  if (!stored) return {operate::error_event(stored.error().text, operate::exit_code_of(stored.error()))};
  if (read.trace) return operate::render_trace(*stored, read.source);
  return {operate::render_show(*stored, now)};
}

std::vector<OperatorEvent> HistoryWorker::answer(const ReadTune& read, Now /*now*/) {
  const auto good = reader_.good_deployments(read.application, kTuneDeployments);
  if (!good) return {operate::error_event(good.error().text, operate::exit_code_of(good.error()))};
  std::vector<judge::Trace> releases;
  std::size_t cells = 0;
  for (const DeploymentId id : *good) {
    if (cells >= limits::kTuneCellsMax) break;
    const auto stored = reader_.deployment(id);
    if (!stored) continue;  // it was pruned meanwhile
    if (auto trace = evidence::deployment_trace(*stored); trace && trace->deploy) {
      cells += trace->hosts.size() * trace->length();
      releases.push_back(std::move(*trace));
    }
  }
  const auto hours = reader_.ordinary_hours(read.application, limits::kTuneCellsMax);
  if (!hours) return {operate::error_event(hours.error().text, operate::exit_code_of(hours.error()))};
  std::vector<judge::Trace> ordinary;
  ordinary.reserve(hours->size());
  for (const auto& hour : *hours) ordinary.push_back(evidence::ordinary_trace(hour));
  return {operate::render_tune(read.application, judge::tune(releases, ordinary, read.settings))};
}

}  // namespace serin::controller
