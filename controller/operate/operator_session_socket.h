#pragma once

#include <chrono>
#include <filesystem>

#include "protocol/messages.h"

namespace serin::operate {

struct SessionOptions {
  std::filesystem::path run_dir;
  bool json = false;
  /// Ctrl-C takes the deployment back, for commands that began it; else it leaves the deployment alone.
  bool interrupt_takes_back = false;
  /// After a good answer the request is sent again, until a signal; 0: once.
  std::chrono::milliseconds again_after{0};
};

/// One command of the CLI from its request to its last event; prints what comes and gives the exit code. On a terminal
/// it asks what must be asked (ending another's deployment, what to do with a held one); elsewhere such a question ends
/// it: 5 for the first, 4 for a held one. Ctrl-C sends an abort and goes on showing; a second one leaves. A lost
/// terminal leaves. When the controller goes away meanwhile, it comes back to the same deployment, for a minute.
int run_request(const SessionOptions& options, OperatorRequest request);

}  // namespace serin::operate
