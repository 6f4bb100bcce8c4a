#pragma once

#include "agent/apply/host_step.h"
#include "protocol/release.h"

namespace serin::apply {

/// A journal in which no field has its default.
inline StepJournal sample_journal() {
  const Release release{.application = "shop",
                        .number = 12,
                        .root = digest_of("tree"),
                        .parent = 11,
                        .author = "ann",
                        .message = "fix",
                        .created_s = 1'700'000'000,
                        .files = 3,
                        .bytes = 44};
  const Order order{.application = "shop",
                    .id = {3, 2},
                    .action = OrderAction::activate,
                    .recipient = "ab",
                    .release = {.record = encode_release(release), .signature = std::string(64, 's')},
                    .take_back = true};
  return {.phase = StepPhase::reverting,
          .order = order,
          .release = release,
          .former_slot = "r11-0123456789ab",
          .target_slot = release.slot_name(),
          .restarts = 2,
          .failed_step = "reload hook",
          .exit_status = -1,
          .output = std::string("bytes \0 \xff \n", 11),
          .bytes_pulled = 99,
          .outcome = Outcome{.application = "shop",
                             .order = {3, 1},
                             .action = OrderAction::stage,
                             .result = StepResult::staged,
                             .step = "s",
                             .exit_status = 1,
                             .output = "o",
                             .live_release = 11,
                             .live_root = digest_of("old"),
                             .at_ms = 5,
                             .bytes_pulled = 6},
          .acknowledged = true,
          .state = HostState::switching,
          .live_broken = true};
}

}  // namespace serin::apply
