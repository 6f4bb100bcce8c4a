#include "controller/release/build_worker_dir.h"

namespace serin::release {

BuildWorker::BuildWorker(ReleaseDir releases)
    : releases_(std::move(releases)), thread_([this](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          const auto request = requests_.wait(stop);
          if (!request) continue;
          if (const auto* build = std::get_if<BuildRequest>(&*request)) {
            built_.post({.application = build->application, .result = releases_.build(*build)});
          } else {
            collected_.post(releases_.collect(std::get<CollectRequest>(*request), stop));
          }
        }
      }) {}

BuildWorker::~BuildWorker() {
  thread_.request_stop();
}

}  // namespace serin::release
