#include "controller/release/build_worker_dir.h"

namespace serin::release {

BuildWorker::BuildWorker(ReleaseDir releases)
    : releases_(std::move(releases)), thread_([this](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          const auto request = requests_.wait(stop);
          if (request) built_.post({.application = request->application, .result = releases_.build(*request)});
        }
      }) {}

BuildWorker::~BuildWorker() {
  thread_.request_stop();
}

}  // namespace serin::release
