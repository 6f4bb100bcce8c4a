#include "agent/apply/step_worker_process.h"

namespace serin::apply {

StepWorker::StepWorker(Options options)
    : options_(std::move(options)), thread_([this](const std::stop_token& stop) { work(stop); }) {}

StepWorker::~StepWorker() {
  staging_.request_stop();
  thread_.request_stop();
}

void StepWorker::run(Order order, Release release, PullFunction pull) {
  staging_ = std::stop_source{};
  jobs_.post({.order = std::pair{std::move(order), std::move(release)},
              .pull = std::move(pull),
              .acknowledged = std::nullopt,
              .stop = staging_.get_token()});
}

void StepWorker::stop_staging() {
  staging_.request_stop();
}

void StepWorker::acknowledge(const OrderId& order) {
  jobs_.post({.order = std::nullopt, .pull = {}, .acknowledged = order, .stop = {}});
}

void StepWorker::post_outcome(const Applier& applier) {
  news_.post({.status = applier.status(), .outcome = applier.unacknowledged(), .step_ended = false, .trouble = {}});
}

bool StepWorker::open(std::optional<Applier>& applier) {
  if (applier) return true;
  auto opened = Applier::open(
      {.settings = options_.settings,
       .state_dir = options_.state_dir,
       .pull = [this](const Release& release, SlotDir& slots, const std::stop_token& stop) -> Result<PullResult> {
         if (!pull_) {
           return failure(ErrorKind::busy, "there is no session with a controller to pull from");
         }
         return pull_(release, slots, stop);
       },
       .now = options_.now,
       .on_status =
           [this](const ApplicationStatus& status) {
             news_.post({.status = status, .outcome = std::nullopt, .step_ended = false, .trouble = {}});
           }});
  if (!opened) {
    news_.post({.status = std::nullopt, .outcome = std::nullopt, .step_ended = false, .trouble = opened.error().text});
    return false;
  }
  applier.emplace(std::move(*opened));
  news_.post({.status = applier->status(), .outcome = std::nullopt, .step_ended = false, .trouble = {}});
  return true;
}

void StepWorker::carry_out(const Job& job, std::optional<Applier>& applier) {
  if (job.acknowledged) {
    if (applier) applier->acknowledge(*job.acknowledged);
    return;
  }
  pull_ = job.pull;
  if (open(applier)) {
    applier->run(job.order->first, job.order->second, job.stop);
    news_.post({.status = applier->status(), .outcome = applier->unacknowledged(), .step_ended = true, .trouble = {}});
    applier->tidy();
    return;
  }
  // The trouble was told just now; the order ends before anything was touched.
  const auto& [order, release] = *job.order;
  news_.post({.status = std::nullopt,
              .outcome = Outcome{.application = order.application,
                                 .order = order.id,
                                 .action = order.action,
                                 .result = StepResult::unchanged,
                                 .step = "open",
                                 .output = "the live path or the slots cannot be used: see the agent's log",
                                 .at_ms = options_.now().steady.time_since_epoch().count()},
              .step_ended = true,
              .trouble = {}});
}

void StepWorker::work(const std::stop_token& stop) {
  std::optional<Applier> applier;
  if (open(applier)) {
    applier->recover(stop);
    post_outcome(*applier);
  }
  while (const auto job = jobs_.wait(stop)) carry_out(*job, applier);
}

}  // namespace serin::apply
