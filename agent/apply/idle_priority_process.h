#pragma once

#include <functional>

namespace serin::apply {

/// Runs `work` in a thread of its own that has the processor and the disk only when nobody else wants them (nice 19,
/// ioprio idle), and waits for its end. Where the kernel refuses that, it runs all the same.
void run_at_idle_priority(const std::function<void()>& work);

}  // namespace serin::apply
