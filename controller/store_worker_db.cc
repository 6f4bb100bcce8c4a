#include "controller/store_worker_db.h"

#include <chrono>

namespace serin::controller {

StoreWorker::StoreWorker(StateDb database)
    : database_(std::move(database)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

StoreWorker::~StoreWorker() {
  jobs_.post({.last = true});
  thread_.request_stop();
}

void StoreWorker::post(std::uint64_t job, std::vector<Record> records) {
  jobs_.post({.id = job, .records = std::move(records)});
}

void StoreWorker::run(const std::stop_token& stop) {
  const std::stop_token never;
  while (const auto job = jobs_.wait(never)) {
    if (job->last || !commit(*job, stop)) return;
  }
}

bool StoreWorker::commit(const Job& job, const std::stop_token& stop) {
  while (true) {
    const auto committed = database_.commit(job.records);
    if (committed) {
      news_.post({.job = job.id});
      return true;
    }
    news_.post({.job = job.id, .trouble = committed.error().text});
    if (stop.stop_requested()) return false;
    posix::wait_or_stop(std::chrono::seconds{1}, stop);
  }
}

}  // namespace serin::controller
