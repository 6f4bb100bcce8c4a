#pragma once

#include <nlohmann/json_fwd.hpp>

#include "controller/judge/verdict.h"

namespace serin::judge {

/// A verdict for scripts: `answer`, `judge`, `reason`, `text`, `seconds`, `hosts` and, of the sequential judge,
/// `numbers` (else null). All strings are safe for a terminal. Pure.
nlohmann::json verdict_json(const Verdict& verdict);
nlohmann::json numbers_json(const SequentialNumbers& numbers);

}  // namespace serin::judge
