#pragma once

#include <nlohmann/json_fwd.hpp>

#include "controller/judge/verdict.h"

namespace serin::operate {

/// A verdict for scripts: `answer`, `judge`, `reason`, `text`, `seconds`, `hosts` and, of the sequential judge,
/// `numbers` (else null). All strings are safe for a terminal. Pure.
nlohmann::json verdict_json(const judge::Verdict& verdict);

}  // namespace serin::operate
