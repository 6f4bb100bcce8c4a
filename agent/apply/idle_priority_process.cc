#include "agent/apply/idle_priority_process.h"

#include <linux/ioprio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

namespace serin::apply {

void run_at_idle_priority(const std::function<void()>& work) {
  // A thread that has made itself nice may not be allowed back: so one that ends.
  std::jthread([&work] {
    const auto thread = static_cast<id_t>(::gettid());
    ::setpriority(PRIO_PROCESS, thread, 19);
    ::syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, thread, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
    work();
  }).join();
}

}  // namespace serin::apply
