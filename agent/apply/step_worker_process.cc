#include "agent/apply/step_worker_process.h"

#include <malloc.h>

#include "agent/apply/idle_priority_process.h"

namespace serin::apply {

namespace {

using namespace std::chrono_literals;
/// After a step the machine has better things to do; so have the other hosts' agents in a test.
constexpr Duration kTidyAfter = 500ms;

}  // namespace

StepWorker::StepWorker(Options options)
    : options_(std::move(options)), thread_([this](const std::stop_token& stop) { work(stop); }) {}

StepWorker::~StepWorker() {
  thread_.request_stop();
}

void StepWorker::run(Order order, Release release, PullFunction pull) {
  mending_.request_stop();
  staging_ = std::stop_source{};
  jobs_.post({.order = std::pair{std::move(order), std::move(release)},
              .pull = std::move(pull),
              .acknowledged = std::nullopt,
              .stop = staging_.get_token(),
              .mend = std::nullopt});
}

void StepWorker::stop_staging() {
  staging_.request_stop();
}

void StepWorker::acknowledge(const OrderId& order) {
  jobs_.post({.order = std::nullopt, .pull = {}, .acknowledged = order, .stop = {}, .mend = {}});
}

void StepWorker::mend(MendJob job) {
  mending_ = std::stop_source{};
  jobs_.post({.order = std::nullopt,
              .pull = {},
              .acknowledged = std::nullopt,
              .stop = mending_.get_token(),
              .mend = std::move(job)});
}

void StepWorker::run_mend(const Job& job, const std::stop_token& leaving) {
  std::stop_source stop;
  const auto request = [&stop] { stop.request_stop(); };
  const std::stop_callback on_order(job.stop, request);
  const std::stop_callback on_leaving(leaving, request);
  MendResult result{.drifts = job.mend->drifts};
  if (auto opened = open(); opened) {
    result = applier_->mend(*job.mend, stop.get_token());
  } else {
    result.trouble = opened.error().text;
  }
  news_.post({.status = std::nullopt,
              .outcome = std::nullopt,
              .step_ended = false,
              .trouble = {},
              .mended = std::move(result)});
  if (applier_) tidy_in_ = kTidyAfter;
}

void StepWorker::post(bool step_ended) {
  news_.post({.status = applier_->status(),
              .outcome = applier_->unacknowledged(),
              .step_ended = step_ended,
              .trouble = applier_->warning()});
}

/// Opens the slots unless they are open, and ends what a crash interrupted.
Result<void> StepWorker::open() {
  if (applier_) return {};
  auto opened = Applier::open(
      {.settings = options_.settings,
       .state_dir = options_.state_dir,
       .pull = [this](const Release& release, SlotDir& slots, const std::stop_token& stop) -> Result<PullResult> {
         return pull_(release, slots, stop);
       },
       .now = options_.now,
       .on_status =
           [this](const ApplicationStatus& status) {
             news_.post({.status = status, .outcome = std::nullopt, .step_ended = false, .trouble = {}});
           }});
  if (!opened) {
    news_.post({.status = std::nullopt, .outcome = std::nullopt, .step_ended = false, .trouble = opened.error().text});
    return std::unexpected(opened.error());
  }
  applier_.emplace(std::move(*opened));
  applier_->recover();
  tidy_in_ = kTidyAfter;
  post(false);
  return {};
}

void StepWorker::run_order(const Job& job, const std::stop_token& leaving) {
  const auto& [order, release] = *job.order;
  pull_ = job.pull;
  if (auto opened = open(); !opened) {
    // The order ends before anything was touched.
    news_.post({.status = std::nullopt,
                .outcome = Outcome{.application = order.application,
                                   .order = order.id,
                                   .action = order.action,
                                   .result = StepResult::unchanged,
                                   .step = "open",
                                   .output = opened.error().text,
                                   .at_ms = options_.now().steady.time_since_epoch().count()},
                .step_ended = true,
                .trouble = {}});
    return;
  }
  const auto run = [this, &job, &leaving] { applier_->run(job.order->first, job.order->second, job.stop, leaving); };
  if (order.action == OrderAction::prefetch) {
    run_at_idle_priority(run);
  } else {
    run();
  }
  post(true);
  tidy_in_ = kTidyAfter;
}

void StepWorker::carry_out(const Job& job, const std::stop_token& leaving) {
  if (job.order) run_order(job, leaving);
  if (job.mend) run_mend(job, leaving);
  if (job.acknowledged && applier_) applier_->acknowledge(*job.acknowledged);
}

void StepWorker::work(const std::stop_token& stop) {
  // An error was posted; the next order tries again.
  [[maybe_unused]] const auto opened = open();
  while (!stop.stop_requested()) {
    const auto job = tidy_in_ ? jobs_.wait_for(stop, *tidy_in_) : jobs_.wait(stop);
    if (job) {
      carry_out(*job, stop);
    } else if (!stop.stop_requested()) {
      tidy_in_ = applier_->tidy();
      // Which slots there are is part of it: the controller keeps their releases.
      news_.post({.status = applier_->status(),
                  .outcome = std::nullopt,
                  .step_ended = false,
                  .trouble = {},
                  .mended = std::nullopt});
      // What a step took for its moment: 10 MB for 10,000 new files.
      ::malloc_trim(0);
    }
  }
}

}  // namespace serin::apply
