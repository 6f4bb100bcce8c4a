#include "agent/verify/look_worker_process.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/apply/object_shelf_dir.h"
#include "protocol/posix/system_clock.h"

namespace serin::drift {

namespace {

using namespace std::chrono_literals;
constexpr Duration kProgressEvery = 1s;

/// This thread gets the processor and the disk when nobody else wants them. Where the kernel refuses, its rate alone
/// bounds it.
void be_idle() {
  constexpr int kWhoProcess = 1;
  constexpr int kIdleClass = 3 << 13;
  const sched_param none{};
  ::sched_setscheduler(0, SCHED_IDLE, &none);
  ::syscall(SYS_ioprio_set, kWhoProcess, 0, kIdleClass);
}

}  // namespace

LookWorker::LookWorker() : thread_([this](const std::stop_token& stop) { work(stop); }) {}

LookWorker::~LookWorker() {
  look_.request_stop();
  thread_.request_stop();
}

void LookWorker::post(Job job) {
  look_ = std::stop_source{};
  jobs_.post({.job = std::move(job), .stop = look_.get_token()});
}

void LookWorker::work(const std::stop_token& stop) {
  be_idle();
  while (!stop.stop_requested()) {
    if (const auto posted = jobs_.wait(stop); posted) look(*posted, stop);
  }
}

void LookWorker::look(const Posted& posted, const std::stop_token& leaving) {
  const Job& job = posted.job;
  std::stop_source stop;
  const auto request = [&stop] { stop.request_stop(); };
  const std::stop_callback on_stop(posted.stop, request);
  const std::stop_callback on_leaving(leaving, request);
  const LookOptions options{.folder = job.slots_dir / job.slot,
                            .root = job.root,
                            .load = [trees = job.slots_dir / ".serin" / "trees"](
                                        const ObjectId& id) { return apply::read_tree_object(trees, id); },
                            .kept = job.kept,
                            .after = job.after,
                            .bytes_per_s = job.bytes_per_s};
  SteadyTime told = posix::boot_time();
  const auto on_progress = [&](const TreeLook& look) {
    const SteadyTime now = posix::boot_time();
    if (now - told < kProgressEvery) return;
    told = now;
    news_.post({.number = job.number, .look = {.files = look.files, .bytes = look.bytes}});
  };
  News end{.number = job.number, .ended = true};
  const auto looked = look_at_tree(options, end.look, on_progress, stop.get_token());
  if (!looked) end.trouble = looked.error().text;
  news_.post(std::move(end));
}

}  // namespace serin::drift
